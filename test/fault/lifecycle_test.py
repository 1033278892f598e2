"""make run: starts, stops by both signals, finds its data, leaves nothing, and
starts again what ended unasked."""
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

from rig import CLUSTER, ENV, ROOT, Client, alive, free_port, problem, wait_for


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

    def postmaster(self):
        """The process that the data directory names."""
        with open(os.path.join(self.home, "pg", "data", "postmaster.pid")) as file:
            return int(file.readline())

    def omsd(self):
        """The process of omsd."""
        path = os.path.realpath(os.path.join(self.home, "omsd", "omsd"))
        for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
            try:
                if os.readlink("/proc/%d/exe" % pid) == path and alive(pid):
                    return pid
            except OSError:
                pass
        return None

    def pg_ctl(self, *args):
        """pg_ctl of somebody else than make run, as the data's owner."""
        owner = subprocess.run([CLUSTER, "owner", self.home], text=True, check=True,
                               stdout=subprocess.PIPE).stdout.strip()
        who = {"user": owner, "group": owner, "extra_groups": []} if os.getuid() == 0 else {}
        pg = os.path.realpath(os.path.join(self.home, "pg"))
        done = subprocess.run([os.path.join(pg, "tree/lib/postgresql/15/bin/pg_ctl"), "-w",
                               "-D", os.path.join(pg, "data"), "-l", "/dev/null", *args],
                              text=True, cwd="/", stdin=subprocess.DEVNULL, timeout=60,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **who)
        assert done.returncode == 0, done.stdout

    def make(self, target):
        return subprocess.run(["make", "-s", target], cwd=ROOT, env=self.values, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)


class RunTest(unittest.TestCase):
    """Runs below a directory that is removed at the end."""

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


class Lifecycle(RunTest):
    """Starts and stops that somebody asked for."""

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


class Restart(RunTest):
    """PostgreSQL or omsd ends though nobody asked make run to stop."""

    def setUp(self):
        super().setUp()
        self.instance = self.start("again", OMS_ADMIN_PASSWORD="given-password-1").ready()
        self.api = self.instance.login("given-password-1")
        product = self.api.post("products/", {"name": "p", "sku": "P", "about": "", "price": "1.00"})
        self.assertEqual(product.status, 201, product)
        made = self.api.post("inventory/", {"product": product.json["id"], "quantity": 1000})
        self.assertEqual(made.status, 201, made)
        self.order = {"items": [{"product_id": product.json["id"], "quantity": 1}]}

    def tearDown(self):
        try:
            if self.instance.process.poll() is None:
                self.assertEqual(self.instance.stop(), 0)
                self.gone(self.instance)
        finally:
            super().tearDown()

    def away(self):
        """omsd answers, with 503 and Retry-After."""
        answer = self.api.post("orders/", self.order)
        return answer.status == 503 and problem(answer, 503)

    def back(self):
        """An order is taken; until then the answer is 503."""
        answer = self.api.post("orders/", self.order)
        if answer.status != 201:
            problem(answer, 503)
        return answer.status == 201

    def signal(self, how):
        os.kill(self.instance.postmaster(), how)

    def test_postgres_stopped_or_killed(self):
        """By an administrator or the system: it is started again."""
        omsd = self.instance.omsd()
        for stop in (lambda: self.instance.pg_ctl("stop", "-m", "fast"),
                     lambda: self.signal(signal.SIGINT),
                     lambda: self.signal(signal.SIGQUIT),
                     lambda: self.signal(signal.SIGKILL)):
            before = self.instance.postmaster()
            stop()
            wait_for("omsd says that the database is away", self.away, 5, 0.02)
            wait_for("orders are taken again", self.back, 20)
            self.assertNotEqual(self.instance.postmaster(), before)
        self.assertEqual(self.instance.omsd(), omsd, "omsd ran on")
        text = self.instance.text()
        self.assertIn("PostgreSQL ended with status 0", text)
        self.assertIn("PostgreSQL ended with status 137", text)

    def test_children_of_a_killed_postmaster(self):
        """While one lives PostgreSQL refuses to start: that is tried again."""
        with open("/proc/%d/task/%d/children" % ((self.instance.postmaster(),) * 2)) as file:
            children = list(map(int, file.read().split()))
        for pid in children:
            os.kill(pid, signal.SIGSTOP)
        try:
            self.signal(signal.SIGKILL)
            wait_for("a start fails", lambda: "PostgreSQL ended with status 1," in self.instance.text(), 15)
        finally:
            for pid in children:
                os.kill(pid, signal.SIGCONT)
        # a child may answer once more before it finds out that its postmaster is gone
        wait_for("PostgreSQL is back", lambda: "PostgreSQL is ready again" in self.instance.text(), 30)
        wait_for("orders are taken again", self.back, 20)

    def test_postgres_started_by_somebody_else(self):
        """It is taken over, looked after and stopped like make run's own."""
        self.instance.pg_ctl("stop", "-m", "fast")
        wait_for("omsd says that the database is away", self.away, 5, 0.02)
        self.instance.pg_ctl("start")
        other = self.instance.postmaster()
        wait_for("orders are taken again", self.back, 20)
        wait_for("it is taken over", lambda: "by somebody else, as process %d" % other
                 in self.instance.text(), 10)
        self.assertEqual(self.instance.postmaster(), other)
        self.signal(signal.SIGKILL)
        wait_for("omsd says that the database is away", self.away, 5, 0.02)
        wait_for("orders are taken again", self.back, 20)
        self.assertNotEqual(self.instance.postmaster(), other)
        self.instance.pg_ctl("restart", "-m", "fast")
        wait_for("orders are taken again", self.back, 20)
        # tearDown stops it, whether it is taken over by then or not

    def test_stopped_without_postgres(self):
        """SIGTERM or SIGINT while PostgreSQL is down, starting or just back."""
        for how, seconds in ((signal.SIGTERM, 0), (signal.SIGINT, 1), (signal.SIGTERM, 2.2),
                             (signal.SIGTERM, 2.6), (signal.SIGINT, 3)):
            with self.subTest(how=how, seconds=seconds):
                if self.instance.process.poll() is not None:
                    self.instance = self.start("again").ready()
                self.signal(signal.SIGKILL if seconds else signal.SIGINT)
                time.sleep(seconds)
                self.assertEqual(self.instance.stop(how), 0, self.instance.home)
                wait_for("nothing is left running", lambda: not processes(self.instance.home), 5)

    def test_stopped_when_somebody_else_just_started_postgres(self):
        self.instance.pg_ctl("stop", "-m", "fast")
        self.instance.pg_ctl("start")
        self.assertEqual(self.instance.stop(), 0)
        self.gone(self.instance)

    def test_omsd_killed(self):
        """omsd is started again, with the database there or not."""
        before = self.instance.omsd()
        os.kill(before, signal.SIGKILL)
        wait_for("orders are taken again", self.back, 20)
        self.assertNotEqual(self.instance.omsd(), before)
        self.assertIn("omsd ended with status 137", self.instance.text())
        postmaster = self.instance.postmaster()
        os.kill(self.instance.omsd(), signal.SIGKILL)
        os.kill(postmaster, signal.SIGKILL)
        wait_for("orders are taken again", self.back, 20)
