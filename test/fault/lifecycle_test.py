"""make run: starts, stops by both signals, finds its data, leaves nothing."""
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import unittest

from rig import ENV, ROOT, Client, alive, free_port, wait_for


def processes(home):
    """Processes that belong to a home: it is in their arguments or their
    environment, or their parent's."""
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/cmdline" % pid, "rb") as file:
                text = file.read()
            with open("/proc/%s/environ" % pid, "rb") as file:
                text += file.read()
        except OSError:
            continue
        if home.encode() in text and alive(int(pid)) and int(pid) != os.getpid():
            found[int(pid)] = text[:200]
    return found


class Run:
    """One `make run` in a home of its own."""

    def __init__(self, home, **env):
        self.home = home
        self.port, self.pgport = free_port(), free_port()
        self.log = open(os.path.join(home + ".log"), "a+")
        values = dict(ENV, OMS_HOME=home, OMS_PORT=str(self.port), OMS_PGPORT=str(self.pgport),
                      OMS_DEMO="0", **env)
        # the flags of a make above this one are not for the one below
        values = {k: v for k, v in values.items() if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
        self.values = values
        self.process = subprocess.Popen(["make", "-s", "run"], cwd=ROOT, env=values,
                                        stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)

    def text(self):
        self.log.flush()
        with open(self.log.name) as file:
            return file.read()

    def ready(self):
        def test():
            assert self.process.poll() is None, "make run ended: " + self.text()[-3000:]
            return Client(checked=False, url=self.url).get("/readyz").status == 200
        wait_for("make run is ready", test, 120, 0.2)
        wait_for("make run says so", lambda: "oms is running" in self.text(), 10)
        return self

    @property
    def url(self):
        return "http://127.0.0.1:%d" % self.port

    def login(self, password):
        answer = Client(checked=False, url=self.url).post(
            "token/", {"username": "admin", "password": password})
        assert answer.status == 200, answer
        return Client(answer.json["access"], checked=False, url=self.url)

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        status = self.process.wait(60)
        self.log.close()
        return status

    def make(self, target):
        return subprocess.run(["make", "-s", target], cwd=ROOT, env=self.values, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)


class Lifecycle(unittest.TestCase):
    def setUp(self):
        self.base = tempfile.mkdtemp(prefix="oms-run-")
        os.chmod(self.base, 0o755)
        self.runs = []

    def tearDown(self):
        for run in self.runs:
            if run.process.poll() is None:
                run.stop()
        for name in os.listdir(self.base):
            link = os.path.join(self.base, name, "pg")
            if os.path.islink(link):
                shutil.rmtree(os.path.realpath(link), ignore_errors=True)
        shutil.rmtree(self.base, ignore_errors=True)

    def start(self, name, **env):
        run = Run(os.path.join(self.base, name), **env)
        self.runs.append(run)
        return run

    def gone(self, run):
        for port in (run.port, run.pgport):
            with self.assertRaises(OSError):
                socket.create_connection(("127.0.0.1", port), timeout=2).close()
        wait_for("nothing is left running", lambda: not processes(run.home), 5)
        self.assertFalse(os.path.exists(os.path.join(run.home, "pg", "data", "postmaster.pid")))

    def test_two_side_by_side_stop_and_start_again(self):
        first, second = self.start("first"), self.start("second", OMS_ADMIN_PASSWORD="given-password-1")
        first.ready()
        second.ready()
        path = os.path.join(first.home, "admin-password")
        with open(path) as file:
            password = file.read().strip()
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        self.assertIn(password, first.text(), "the password is printed once")
        self.assertFalse(os.path.exists(os.path.join(second.home, "admin-password")))
        api, other = first.login(password), second.login("given-password-1")
        made = api.post("products/", {"name": "kept", "sku": "KEPT", "about": "", "price": "1.00"})
        self.assertEqual(made.status, 201, made)
        self.assertEqual(other.get("products/", sku="KEPT").json["count"], 0, "the two are one")

        conninfo = first.make("conninfo").stdout.strip()
        self.assertRegex(conninfo, r"^(\w+=\S+ ?)+$")
        done = subprocess.run(["make", "-s", "psql"], cwd=ROOT, env=first.values, text=True,
                              input="SELECT 'sku ' || sku FROM oms.product;\n\\conninfo\n",
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn("sku KEPT", done.stdout)

        self.assertEqual(first.stop(signal.SIGTERM), 0, first.home)
        self.gone(first)
        self.assertEqual(second.stop(signal.SIGINT), 0)
        self.gone(second)

        again = self.start("first").ready()
        self.assertEqual(again.text().count(password), 1, "the password is printed once")
        api = again.login(password)
        self.assertEqual(api.get("products/", sku="KEPT").json["results"], [made.json])
        self.assertEqual(again.stop(signal.SIGINT), 0)
        self.gone(again)

    def test_stopped_while_starting(self):
        run = self.start("early")
        wait_for("it began", lambda: re.search("database cluster|starting", run.text()), 60)
        self.assertEqual(run.stop(signal.SIGTERM), 0, "stopped early")
        wait_for("nothing is left running", lambda: not processes(run.home), 10)
        run = self.start("early").ready()
        self.assertEqual(run.stop(), 0)

    def test_same_home_or_port_is_refused(self):
        run = self.start("one").ready()
        twin = self.start("one")
        self.assertNotEqual(twin.process.wait(60), 0)
        self.assertRegex(twin.text(), "running in .* already")
        values = dict(run.values, OMS_HOME=os.path.join(self.base, "blocked"))
        blocked = subprocess.run(["make", "-s", "run"], cwd=ROOT, env=values, text=True,
                                 stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 stderr=subprocess.STDOUT, timeout=60)
        self.assertNotEqual(blocked.returncode, 0)
        self.assertIn(str(run.port), blocked.stdout)
        self.assertEqual(run.stop(), 0)

    def test_postgres_dies(self):
        """Without its database make run ends and says why."""
        run = self.start("dies").ready()
        with open(os.path.join(run.home, "pg", "data", "postmaster.pid")) as file:
            os.kill(int(file.readline()), signal.SIGKILL)
        self.assertNotEqual(run.process.wait(60), 0)
        self.assertIn("PostgreSQL ended", run.text())
        wait_for("nothing is left running", lambda: not processes(run.home), 20)
