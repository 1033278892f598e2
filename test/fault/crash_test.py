"""kill -9 while orders are created and confirmed: what was acknowledged is
there, what was repeated is there once."""
import os
import random
import signal
import time

from rig import Load, RigTest, wait_for


class Crash(RigTest):
    def setUp(self):
        self.products = [self.rig.sellable(self.api, 1000000) for _ in range(3)]

    def under_load(self, mistreat):
        load = Load(self.api, self.products)
        try:
            wait_for("the load runs", lambda: len(load.confirmed) > 20)
            mistreat(load)
            before = len(load.confirmed)
            wait_for("the load goes on", lambda: len(load.confirmed) > before + 20)
        finally:
            load.finish()
        load.check(self.rig)
        return load

    def test_backend_killed(self):
        def mistreat(load):
            for _ in range(3):
                before = len(load.confirmed)
                wait_for("a backend to kill", self.kill_backend)
                wait_for("the load goes on", lambda: len(load.confirmed) > before + 10)
        self.under_load(mistreat)

    def kill_backend(self):
        """Kills one of omsd's backends; False when it has ended by itself since it was listed."""
        backends = self.rig.backends("omsd")
        try:
            if backends:
                os.kill(random.choice(backends), signal.SIGKILL)
            return bool(backends)
        except ProcessLookupError:
            return False

    def test_postgres_killed(self):
        def mistreat(load):
            for _ in range(2):
                before = len(load.confirmed)
                self.rig.stop_postgres(signal.SIGKILL)
                # its children notice and end; their shared memory goes with them
                time.sleep(0.5)
                wait_for("PostgreSQL starts again", self.try_start, 30)
                wait_for("the load goes on", lambda: len(load.confirmed) > before + 10)
        load = self.under_load(mistreat)
        self.assertGreater(load.repeats, 0, "nobody noticed")

    def try_start(self):
        try:
            self.rig.start_postgres()
            return True
        except AssertionError:
            return False

    def test_immediate_stop(self):
        def mistreat(load):
            self.rig.stop_postgres(signal.SIGQUIT)
            self.rig.start_postgres()
        self.under_load(mistreat)

    def test_omsd_killed(self):
        def mistreat(load):
            for _ in range(2):
                before = len(load.confirmed)
                self.rig.stop_omsd(signal.SIGKILL)
                self.rig.start_omsd()
                wait_for("the load goes on", lambda: len(load.confirmed) > before + 10)
        load = self.under_load(mistreat)
        self.assertGreater(load.repeats, 0, "nobody noticed")
