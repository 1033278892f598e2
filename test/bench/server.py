"""The servers under test: make run's PostgreSQL and omsd, and databases in them."""
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
import urllib.request

from setting import ENV, FIRST_PORT, HERE, PGBIN, ROOT, WORK, say

HOME = os.path.join(WORK, "home")
CLUSTER = os.path.join(ROOT, "server", "run", "cluster.sh")
PASSWORD = secrets.token_urlsafe(18)
_next_port = FIRST_PORT


def free_port():
    """A port that nothing listens on."""
    global _next_port
    while True:
        _next_port += 1
        with socket.socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                sock.bind(("127.0.0.1", _next_port))
                return _next_port
            except OSError:
                pass


def wait_for(what, test, seconds=120):
    """Waits until test() is true."""
    deadline = time.monotonic() + seconds
    while not test():
        if time.monotonic() > deadline:
            raise RuntimeError("not within %d s: %s" % (seconds, what))
        time.sleep(0.1)


def answers(url):
    """Whether a GET of url is answered 200."""
    try:
        with urllib.request.urlopen(url, timeout=2) as reply:
            return reply.status == 200
    except OSError:
        return False


def stop(process, sig=signal.SIGTERM):
    """Ends a child and waits for its end."""
    if process.poll() is None:
        process.send_signal(sig)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class Database:
    """A database with oms in it, and the omsd in front of it."""

    def __init__(self, conninfo, port, pid):
        self.conninfo, self.pid = conninfo, pid
        self.url = "http://127.0.0.1:%d" % port

    def psql(self, *args, schema=None, variables=None):
        """Runs psql; its output, unaligned."""
        command = [os.path.join(PGBIN, "psql"), "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", self.conninfo]
        for name, value in (variables or {}).items():
            command += ["-v", "%s=%s" % (name, value)]
        env = dict(ENV, PGOPTIONS="-c search_path=%s" % schema if schema else "")
        done = subprocess.run(command + list(args), env=env, text=True, cwd=HERE,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if done.returncode:
            raise RuntimeError("psql %s: %s" % (" ".join(args), done.stderr.strip()))
        return done.stdout.strip()

    def sql(self, text, schema=None):
        """Runs SQL; its output, unaligned."""
        return self.psql("-c", text, schema=schema)

    def numbers(self, text, schema=None):
        """The row of numbers that a query returns."""
        return [int(value or 0) for value in self.sql(text, schema).split("|")]

    def settle(self):
        """Waits until omsd's connections have nothing to do."""
        wait_for("omsd's connections are idle", lambda: self.sql(
            "SELECT count(*) FROM pg_stat_activity WHERE usename = 'omsd' AND datname = current_database() "
            "AND state <> 'idle'") == "0")

    def token(self):
        """An access token of the administrator."""
        body = json.dumps({"username": "admin", "password": PASSWORD}).encode()
        request = urllib.request.Request(self.url + "/api/v1/token/", body,
                                         {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as reply:
            return json.load(reply)["access"]

    def get(self, path):
        """The JSON that GET path returns."""
        request = urllib.request.Request(self.url + path,
                                         headers={"Authorization": "Bearer " + self.token()})
        with urllib.request.urlopen(request, timeout=30) as reply:
            return json.load(reply)


class Servers:
    """PostgreSQL and omsd as make run starts them; a second database on demand."""

    def __init__(self):
        self.children = []
        self.logs = []
        shutil.rmtree(WORK, ignore_errors=True) if not os.path.exists(HOME) else self.remove()
        os.makedirs(WORK, exist_ok=True)

    def start(self):
        """Starts both; the database oms, with the schema floor in it."""
        self.port, self.pgport = free_port(), free_port()
        out = os.path.join(WORK, "server.out")
        env = dict(ENV, OMS_HOME=HOME, OMS_PORT=str(self.port), OMS_PGPORT=str(self.pgport),
                   OMS_DEMO="0", OMS_ADMIN_PASSWORD=PASSWORD)
        say("starting PostgreSQL and omsd on ports %d and %d", self.pgport, self.port)
        with open(out, "w") as log:
            run = subprocess.Popen([os.path.join(ROOT, "server", "run", "run.sh")], env=env,
                                   stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.children.append(run)

        def up():
            with open(out) as log:
                text = log.read()
            if run.poll() is not None:
                raise RuntimeError("the servers did not start:\n" + text)
            return "oms is running" in text

        wait_for("the servers run", up)
        conninfo = subprocess.check_output([CLUSTER, "conninfo", HOME], text=True, env=ENV).strip()
        self.logs.append(os.path.join(HOME, "omsd", "log", "access.log"))
        # tasks would be run beside what is measured, and the floor makes none that would
        database = Database(conninfo, self.port, self.omsd_pid())
        database.sql("SELECT oms.worker_pause()")
        database.psql("-f", "floor.sql")
        return database

    def omsd_pid(self):
        """The process of the omsd that make run's shell started."""
        program = os.path.realpath(os.path.join(HOME, "omsd", "omsd"))
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                if os.readlink("/proc/%s/exe" % pid) == program:
                    return int(pid)
            except OSError:
                pass
        raise RuntimeError("omsd is not running")

    def bare(self, name):
        """Another database in the same PostgreSQL, without an omsd."""
        first = subprocess.check_output([CLUSTER, "conninfo", HOME], text=True, env=ENV).strip()
        Database(first, 0, 0).sql("CREATE DATABASE %s" % name)
        database = Database(first.replace("dbname=oms", "dbname=" + name), free_port(), 0)
        database.psql("-f", os.path.join(ROOT, "server", "run", "install.sql"))
        return database

    def second(self, name):
        """Another database in the same PostgreSQL, with an omsd of its own."""
        database = self.bare(name)
        conninfo = database.conninfo
        database.psql("-o", "/dev/null", "-c", "SELECT oms.account_create('admin', '%s', 'admin')" % PASSWORD)
        log = os.path.join(WORK, name + ".log")
        env = dict(ENV, OMS_LISTEN=database.url[len("http://"):], OMS_ACCESS_LOG=log,
                   OMS_ERROR_LOG=log + ".error",
                   OMS_DATABASE=conninfo.replace("user=postgres", "user=omsd"))
        home = os.path.join(HOME, "omsd")
        omsd = subprocess.Popen([os.path.join(home, "omsd"), "-c", os.path.join(home, "omsd.conf")],
                                env=env, stdin=subprocess.DEVNULL)
        self.children.append(omsd)
        self.logs.append(log)
        wait_for("the second omsd is ready", lambda: answers(database.url + "/readyz"), 30)
        database.pid = omsd.pid
        return database

    def constant(self):
        """h2o with one answer; its URL and process."""
        program = os.path.join(WORK, "constant")
        flags = subprocess.check_output(["pkg-config", "--cflags", "--libs", "libh2o-evloop", "openssl"], text=True)
        subprocess.run(["gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-DH2O_USE_LIBUV=0", "-o", program,
                        os.path.join(HERE, "constant.c"), *flags.split(), "-lm"], check=True)
        port = free_port()
        process = subprocess.Popen([program, str(port)])
        self.children.append(process)
        url = "http://127.0.0.1:%d" % port
        wait_for("the constant answers", lambda: answers(url + "/"), 10)
        return url, process.pid

    def empty_logs(self):
        """Cuts the access logs, which grow by some hundred bytes a request."""
        for log in self.logs:
            if os.path.exists(log):
                os.truncate(log, 0)

    def remove(self):
        """Stops everything and removes its data."""
        while self.children:
            stop(self.children.pop())
        if os.path.exists(HOME):
            subprocess.run([CLUSTER, "remove", HOME], env=ENV, check=True)
