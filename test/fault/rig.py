"""A private cluster with its own omsd, to be mistreated."""
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
BUILD = os.environ["OMS_BUILD"]
PGBIN = os.environ["PGBIN"]
CLUSTER = os.path.join(ROOT, "server", "run", "cluster.sh")
ADMIN_PASSWORD = secrets.token_urlsafe(18)

# the client of the REST tests, behind the modules here, some of which have names that are there too;
# each Client names the server it talks to
sys.path.append(os.path.join(ROOT, "test", "rest"))
for name, text in (("OMS_URL", "http://127.0.0.1:9"), ("OMS_CONNINFO", ""),
                   ("OMS_ADMIN_PASSWORD", ADMIN_PASSWORD)):
    os.environ[name] = text
import client       # noqa: E402
from client import Client, check_problem    # noqa: E402,F401

# settings of the servers under test by their names, not by this environment
ENV = {k: v for k, v in os.environ.items() if not k.startswith("OMS_")}

_port = int(os.environ.get("OMS_TEST_PORT", "21200"))


def free_port():
    """A port that nothing listens on, below those that the kernel gives out."""
    global _port
    while True:
        _port += 1
        with socket.socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                sock.bind(("127.0.0.1", _port))
                return _port
            except OSError:
                pass


def wait_for(what, test, seconds=30.0, step=0.05):
    """Wait until test() is true; its value."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            got = test()
        except (OSError, client.psycopg2.Error, client.http.client.HTTPException):
            got = None
        if got:
            return got
        if time.monotonic() > deadline:
            raise AssertionError("not within %.0f s: %s" % (seconds, what))
        time.sleep(step)


def alive(pid):
    """Whether a process runs; one that nobody has waited for yet does not."""
    try:
        with open("/proc/%d/stat" % pid) as file:
            return file.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


class Cluster:
    """A private cluster, in a directory of its own."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="oms-fault-")
        os.chmod(self.dir, 0o755)
        self.pgport = free_port()
        self.postgres = None
        self.kept = None
        try:
            self.start_postgres()
            self.cluster("install")
        except BaseException:
            self.remove()
            raise

    def cluster(self, verb, *args):
        done = subprocess.run([CLUSTER, verb, self.dir, *args], text=True, env=ENV,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert done.returncode == 0, "cluster.sh %s: %s" % (verb, done.stdout)
        return done.stdout

    # PostgreSQL is a child of this process, so that its end can be waited for

    def start_postgres(self):
        self.cluster("prepare", str(self.pgport))
        self.postgres = subprocess.Popen([CLUSTER, "exec", self.dir], env=ENV)
        self.conninfo = self.cluster("conninfo").strip()
        wait_for("PostgreSQL answers", lambda: client.connect(self.conninfo).close() is None)

    def stop_postgres(self, how=signal.SIGINT):
        self.kept = None
        if self.postgres is not None:
            self.postgres.send_signal(how)
            self.postgres.wait(60)
            self.postgres = None

    def remove(self):
        try:
            self.stop_postgres()
        finally:
            self.cluster("remove")
            shutil.rmtree(self.dir, ignore_errors=True)

    def sql(self, statement, *args, dbname=None):
        """Rows of a statement as superuser."""
        if dbname is not None:
            connection = client.connect(self.conninfo.replace("dbname=oms", "dbname=" + dbname))
            try:
                return self.run_sql(connection, statement, args)
            finally:
                connection.close()
        # a kept connection that a crash broke is opened again
        if self.kept is not None:
            try:
                self.run_sql(self.kept, "SELECT 1", ())
            except client.psycopg2.Error:
                self.kept = None
        if self.kept is None:
            self.kept = wait_for("PostgreSQL answers", lambda: client.connect(self.conninfo))
        return self.run_sql(self.kept, statement, args)

    @staticmethod
    def run_sql(connection, statement, args):
        with connection.cursor() as cursor:
            cursor.execute(statement, args or None)
            return cursor.fetchall() if cursor.description else []

    def value(self, statement, *args, **more):
        return self.sql(statement, *args, **more)[0][0]

    def tool(self, name, *args, **more):
        """Run a program of PostgreSQL; its output."""
        done = subprocess.run([os.path.join(PGBIN, name), *args], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, env=ENV, **more)
        assert done.returncode == 0, "%s: %s" % (name, done.stderr.decode()[:2000])
        return done.stdout

    def backends(self, like):
        """Process ids of backends whose type or user is like that."""
        return [r[0] for r in self.sql("SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
                                       "AND (backend_type ILIKE %s OR usename ILIKE %s)", like, like)]


class Rig(Cluster):
    """A cluster and one omsd."""

    def __init__(self, **settings):
        self.omsd = None
        self.settings = settings
        super().__init__()
        self.port = free_port()
        self.url = "http://127.0.0.1:%d" % self.port
        try:
            self.sql("SELECT oms.account_create('admin', %s, 'admin')", ADMIN_PASSWORD)
            self.start_omsd()
        except BaseException:
            self.remove()
            raise

    def start_omsd(self, **settings):
        values = {
            "listen": "127.0.0.1:%d" % self.port,
            "database": self.conninfo.replace("user=postgres", "user=omsd"),
            "signing_keys": os.path.join(self.dir, "signing-keys"),
            "openapi": os.path.join(ROOT, "server", "openapi.json"),
            "docs": os.path.join(ROOT, ".build", "docs"),
            "access_log": os.path.join(self.dir, "access.log"),
            "error_log": os.path.join(self.dir, "error.log"),
        }
        values.update(self.settings)
        values.update(settings)
        if not os.path.exists(values["signing_keys"]):
            with open(values["signing_keys"], "w") as file:
                os.chmod(values["signing_keys"], 0o600)
                file.write("k1 %s\n" % secrets.token_urlsafe(48))
        self.write_config(values)
        self.omsd = subprocess.Popen([os.path.join(BUILD, "server", "omsd"), "-c", self.config],
                                     env=ENV, stdin=subprocess.DEVNULL)
        wait_for("omsd is ready", lambda: Client(checked=False, url=self.url).get("/readyz").status == 200)

    def write_config(self, values):
        self.values = values
        self.config = os.path.join(self.dir, "omsd.conf")
        with open(self.config, "w") as file:
            for key, text in values.items():
                file.write("%s = %s\n" % (key, text))

    def stop_omsd(self, how=signal.SIGTERM):
        """Stop omsd; its exit status."""
        status = None
        if self.omsd is not None:
            self.omsd.send_signal(how)
            status = self.omsd.wait(60)
            self.omsd = None
        return status

    def remove(self):
        try:
            self.stop_omsd()
        finally:
            super().remove()

    def login(self):
        """A client with an administrator's token."""
        answer = Client(checked=False, url=self.url).post(
            "token/", {"username": "admin", "password": ADMIN_PASSWORD})
        assert answer.status == 200, answer
        return Client(answer.json["access"], checked=False, url=self.url)

    def sellable(self, api, quantity, price="2.50"):
        """The id of a new product with so many pieces."""
        sku = "F-" + secrets.token_hex(6)
        answer = api.post("products/", {"name": sku, "sku": sku, "about": "", "price": price})
        assert answer.status == 201, answer
        made = api.post("inventory/", {"product": answer.json["id"], "quantity": quantity})
        assert made.status == 201, made
        return answer.json["id"]


def problem(answer, status):
    """check_problem of a list of statuses, with Retry-After where due."""
    found = check_problem(answer, status)
    if answer.status in (429, 503):
        assert answer.headers.get("retry-after", "").isdigit(), answer.headers
    return found


class RigTest(unittest.TestCase):
    """Tests that share one rig, with balanced books at the end."""

    settings = {}

    @classmethod
    def setUpClass(cls):
        cls.rig = Rig(**cls.settings)
        cls.api = cls.rig.login()

    @classmethod
    def tearDownClass(cls):
        try:
            found = cls.rig.sql("SELECT * FROM oms.integrity")
            assert found == [], "oms.integrity: %r" % found[:5]
        finally:
            cls.rig.remove()


class Load:
    """Clients that create and confirm orders, each request repeated with the
    same Idempotency-Key until it is acknowledged."""

    def __init__(self, api, products, clients=6):
        self.api, self.products = api, products
        self.stop = threading.Event()
        self.lock = threading.Lock()
        self.created = {}       # customer -> order id of the first 201
        self.confirmed = set()  # order ids with a 200
        self.wrong = []
        self.repeats = 0
        self.threads = [threading.Thread(target=self.run, args=(i,)) for i in range(clients)]
        for thread in self.threads:
            thread.start()

    def finish(self):
        self.stop.set()
        for thread in self.threads:
            thread.join(90)
        assert not any(t.is_alive() for t in self.threads), "clients hang"

    def again(self, wanted, call):
        """Repeat call until the wanted status; problems of 503 and lost
        connections are repeated, all else is noted as wrong."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                answer = call()
            except (OSError, client.http.client.HTTPException):
                self.api.close()
                answer = None
            if answer is not None and answer.status == wanted:
                return answer
            if answer is not None and answer.status not in (409, 503, 504):
                with self.lock:
                    self.wrong.append(repr(answer))
                return None
            if answer is not None and answer.status == 409 and answer.json["code"] != "OM031":
                with self.lock:
                    self.wrong.append(repr(answer))
                return None
            with self.lock:
                self.repeats += 1
            time.sleep(0.05)
        with self.lock:
            self.wrong.append("never acknowledged")
        return None

    def run(self, index):
        number = 0
        while not self.stop.is_set():
            number += 1
            customer = "c%d-%d-%s" % (index, number, secrets.token_hex(4))
            key = {"Idempotency-Key": customer}
            shift = number % len(self.products)
            items = [{"product_id": p, "quantity": 1}
                     for p in self.products[shift:] + self.products[:shift]]
            made = self.again(201, lambda: self.api.post(
                "orders/", {"customer_name": customer, "items": items}, headers=key))
            if made is None:
                continue
            with self.lock:
                self.created[customer] = made.json["id"]
            done = self.again(200, lambda: self.api.patch(
                "orders/%d/status/" % made.json["id"], {"status": "CONFIRMED"}))
            if done is not None:
                with self.lock:
                    self.confirmed.add(made.json["id"])

    def check(self, rig):
        """Everything acknowledged is there, nothing twice."""
        assert self.wrong == [], self.wrong[:3]
        assert self.created, "no order was created"
        found = {}
        for customer, order, status in rig.sql(
                "SELECT customer_name, id, status FROM oms.orders WHERE customer_name = ANY (%s)",
                list(self.created)):
            found.setdefault(customer, []).append((order, status))
        for customer, order in self.created.items():
            rows = found.get(customer, [])
            assert len(rows) == 1, "%s: acknowledged %d, there are %r" % (customer, order, rows)
            assert rows[0][0] == order, (order, rows)
            if order in self.confirmed:
                assert rows[0][1] == "CONFIRMED", (order, rows)
        wrong = rig.sql("SELECT * FROM oms.integrity")
        assert wrong == [], wrong[:5]
        held = rig.value("SELECT sum(allocated) FROM oms.stock WHERE product_id = ANY (%s)",
                         self.products)
        wanted = rig.value("SELECT coalesce(sum(l.quantity), 0) FROM oms.orders o JOIN oms.order_line l "
                           "ON l.order_id = o.id WHERE o.status = 'CONFIRMED' "
                           "AND l.product_id = ANY (%s)", self.products)
        assert held == wanted, (held, wanted)
