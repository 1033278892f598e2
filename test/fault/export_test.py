"""Exports while readers sleep, leave or are too many, and while the database
or omsd goes away: a file is whole, or visibly broken."""
import csv
import io
import json
import os
import signal
import socket
import threading
import time

from rig import Client, RigTest, alive, client, problem, wait_for

ROWS = 12000


class Reader:
    """An export that is read as slowly as one likes; what came stays in body."""

    def __init__(self, rig, token, path="products/?format=csv", version="1.1", more=""):
        self.sock = socket.socket()
        # little room on the way, so that the server feels who does not read
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 400000)
        self.sock.settimeout(30)
        self.sock.connect(("127.0.0.1", rig.port))
        self.sock.sendall(("GET /api/v1/%s HTTP/%s\r\nHost: x\r\nAuthorization: Bearer %s\r\n%s\r\n" % (
            path, version, token, more)).encode())
        self.got = bytearray()
        self.error = None

    def read(self, size):
        while len(self.got) < size:
            piece = self.sock.recv(65536)
            if not piece:
                break
            self.got += piece
        return self

    def finish(self):
        """Read to the end of the reply or of the connection."""
        try:
            while not self.got.endswith(b"\r\n0\r\n\r\n"):
                piece = self.sock.recv(1 << 20)
                if not piece:
                    break
                self.got += piece
        except ConnectionError as error:
            self.error = error
        self.sock.close()
        return self

    @property
    def status(self):
        return int(self.got[9:12])

    def whole(self):
        """The body, or None if its end is missing."""
        parts, at = [], self.got.find(b"\r\n\r\n") + 4
        while True:
            end = self.got.find(b"\r\n", at)
            try:
                length = int(self.got[at:end], 16)
            except ValueError:
                return None
            if length == 0:
                return b"".join(parts)
            at = end + 2 + length
            if self.got[at:at + 2] != b"\r\n":
                return None
            parts.append(bytes(self.got[end + 2:at]))
            at += 2


class Export(RigTest):
    settings = {"pool_slow": 1, "write_timeout": "60s"}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # 12 MB that hardly compress
        cls.rig.sql("SELECT count(oms.product_create('R' || n, 'row', 1, (SELECT string_agg(md5(i::text || n), '') "
                    "FROM generate_series(1, 30) AS i))) FROM generate_series(1, %s) AS n", ROWS)

    def setUp(self):
        if self.rig.postgres is None:
            self.rig.start_postgres()
        self.restart()

    def restart(self, **settings):
        self.rig.stop_omsd()
        self.rig.start_omsd(**settings)
        type(self).api = self.rig.login()

    def reader(self, *args, **more):
        return Reader(self.rig, self.api.token, *args, **more)

    def sleeper(self, *args, **more):
        """A reader that has begun, and goes on when it is told to; what the
        way holds has filled up."""
        sleeper = self.reader(*args, **more).read(100000)
        self.quiet()
        return sleeper

    def quiet(self):
        """Wait until nobody asks the database."""
        calls, since = None, 0
        while calls is None or time.monotonic() - since < 0.2:
            now = self.metric("db_calls_total")
            if now != calls:
                calls, since = now, time.monotonic()
            time.sleep(0.02)

    def complete(self, reader):
        body = reader.whole()
        self.assertFalse(body is None, "%r %s" % (reader.got[-60:], reader.error))
        rows = list(csv.DictReader(io.StringIO(body.decode(), newline="")))
        self.assertEqual(len({row["id"] for row in rows if row["name"] == "row"}), ROWS)
        self.assertEqual(len({row["id"] for row in rows}), len(rows))

    def broken(self, reader):
        """More than nothing came, and nobody can take it for the whole."""
        self.assertEqual(reader.status, 200)
        self.assertGreater(len(reader.got), 100000)
        self.assertTrue(reader.whole() is None)

    def metric(self, name):
        text = Client(checked=False, url=self.rig.url).get("/metrics").body.decode()
        return next(float(line.split()[1]) for line in text.splitlines()
                    if line.startswith("omsd_" + name + " ") or line.startswith(name + " "))

    def test_sleeping_readers_hold_nothing(self):
        """Ten sleep in the middle of their files.  The one connection for
        such things is free for others, and in no transaction."""
        sleepers = [self.sleeper() for _ in range(10)]
        for _ in range(10):
            states = self.rig.sql("SELECT state, xact_start, backend_xmin FROM pg_stat_activity WHERE usename = 'omsd'")
            self.assertEqual(set(states), {("idle", None, None)})
            time.sleep(0.05)
        self.complete(self.reader().finish())
        self.assertEqual(self.api.get("orders/reports/").status, 200)
        self.assertEqual(self.api.get("products/").status, 200)
        for sleeper in sleepers:
            self.complete(sleeper.finish())

    def memory(self):
        with open("/proc/%d/status" % self.rig.omsd.pid) as file:
            return next(int(line.split()[1]) for line in file if line.startswith("VmHWM")) * 1024

    def test_memory_is_bounded(self):
        """Ten readers of files of 12 MB each: a chunk for each at most."""
        before = self.memory()
        readers = [self.sleeper() for _ in range(10)]
        for reader in readers:
            self.complete(reader.finish())
        self.assertGreater(len(readers[0].got), ROWS * 1000)
        self.assertLess(self.memory() - before, 20 << 20)

    def test_database_gone(self):
        for how in (signal.SIGQUIT, signal.SIGINT):
            for version in ("1.1", "1.0"):
                with self.subTest(how=how, version=version):
                    cut = self.metric("replies_cut_total")
                    sleeper = self.sleeper(version=version)
                    packed = self.sleeper(more="Accept-Encoding: gzip\r\n").read(200000)
                    self.rig.stop_postgres(how)
                    sleeper.finish()
                    if version == "1.1":
                        self.broken(sleeper)
                    # without chunks only the reset tells
                    else:
                        self.assertIsInstance(sleeper.error, ConnectionResetError)
                    self.assertTrue(packed.finish().whole() is None)
                    self.assertGreater(self.metric("replies_cut_total"), cut)
                    # the first chunk fails as all else does
                    problem(self.api.get("products/", format="csv"), 503)
                    self.rig.start_postgres()
                    wait_for("omsd finds the database again",
                             lambda: self.api.get("orders/reports/").status == 200, 10)
                    self.complete(self.reader().finish())

    def test_database_restarted_in_the_middle(self):
        """Nobody has to begin anew: the next chunk is asked for as before."""
        sleeper = self.sleeper()
        self.rig.stop_postgres()
        self.rig.start_postgres()
        wait_for("omsd finds the database again", lambda: self.api.get("orders/reports/").status == 200, 10)
        self.complete(sleeper.finish())

    def test_backend_killed(self):
        readers = [self.sleeper() for _ in range(3)]
        threads = [threading.Thread(target=reader.finish) for reader in readers]
        for thread in threads:
            thread.start()
        for _ in range(5):
            self.rig.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'omsd' "
                         "AND query LIKE '%%list_export%%'")
            time.sleep(0.02)
        for thread in threads:
            thread.join(60)
        for reader in readers:
            if reader.whole() is not None:
                self.complete(reader)
            else:
                self.broken(reader)
        self.complete(self.reader().finish())

    def test_statement_timeout_in_the_middle(self):
        self.restart(slow_timeout="400ms")
        sleeper = self.sleeper("products/?format=ndjson&ordering=price")
        holder = client.connect(self.rig.conninfo, autocommit=False)
        with holder.cursor() as cursor:
            cursor.execute("LOCK TABLE oms.product IN ACCESS EXCLUSIVE MODE")
            sleeper.finish()
            holder.rollback()
        holder.close()
        self.broken(sleeper)
        self.assertEqual(self.api.get("products/").status, 200)

    def test_readers_leave(self):
        """In all phases; their places and their memory are free again."""
        self.restart(max_exports=4)
        for amount in (0, 1, 1000, 1000000):
            for _ in range(4):
                reader = self.reader(more="Accept-Encoding: gzip\r\n" if amount == 1000 else "")
                reader.read(amount)
                reader.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                reader.sock.close()
            wait_for("all places are free", lambda: self.four_fit(), 20)

    def four_fit(self):
        sleepers = [self.sleeper() for _ in range(4)]
        fits = all(s.status == 200 for s in sleepers)
        for sleeper in sleepers:
            sleeper.sock.close()
        return fits

    def test_too_many(self):
        self.restart(max_exports=2)
        sleepers = [self.sleeper() for _ in range(2)]
        found = problem(self.api.get("products/", format="csv"), 503)
        self.assertIn("max_exports", found["hint"])
        self.assertEqual(self.api.get("products/").status, 200)
        self.complete(sleepers[0].finish())
        self.complete(self.reader().finish())
        self.complete(sleepers[1].finish())

    def test_counted_once(self):
        self.restart(rate_limit=1, rate_burst=3)
        self.complete(self.reader().finish())
        began = time.monotonic()
        answers = [Client(self.api.token, checked=False, url=self.rig.url).exchange(
            "GET", "/api/v1/channels/", None, {"Authorization": "Bearer " + self.api.token}).status for _ in range(6)]
        if time.monotonic() - began < 1:
            self.assertEqual(answers[:2], [200, 200])
            self.assertIn(429, answers)

    def test_access_log(self):
        """One line when all is sent, with the bytes of the whole."""
        reader = self.reader(more="X-Request-Id: log-1\r\n").finish()
        cut = self.sleeper(more="X-Request-Id: log-2\r\n")
        self.rig.stop_postgres(signal.SIGQUIT)
        cut.finish()

        def lines():
            with open(os.path.join(self.rig.dir, "access.log")) as file:
                found = [json.loads(line) for line in file]
            return {line["request_id"]: line for line in found if line["request_id"].startswith("log-")}
        found = wait_for("both are logged", lambda: len(lines()) == 2 and lines(), 5)
        self.assertEqual((found["log-1"]["status"], found["log-1"]["bytes"]), (200, len(reader.whole())))
        self.assertGreater(found["log-1"]["duration_ms"], 0)
        self.assertLess(found["log-2"]["bytes"], len(reader.whole()))
        with open(os.path.join(self.rig.dir, "error.log")) as file:
            self.assertIn("log-2 was cut off", file.read())

    def test_shutdown_waits(self):
        sleeper = self.sleeper()
        self.rig.omsd.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        self.assertTrue(alive(self.rig.omsd.pid))
        self.complete(sleeper.finish())
        self.assertEqual(self.rig.omsd.wait(20), 0)
        self.rig.omsd = None

    def test_shutdown_does_not_wait_for_ever(self):
        self.restart(drain_timeout="1s")
        sleeper = self.sleeper()
        began = time.monotonic()
        self.rig.omsd.send_signal(signal.SIGTERM)
        self.rig.omsd.wait(20)
        self.rig.omsd = None
        self.assertLess(time.monotonic() - began, 5)
        self.broken(sleeper.finish())
