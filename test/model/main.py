"""Random sequences of all verbs, compared with a model of them outside the database.

What it shows:

- Sessions that have products, locations and channels of their own run side by
  side. Each operation has exactly the outcome that the model predicts (success
  with its answer, or the SQLSTATE), and after each batch of operations stock,
  the ledger by kinds of moves, orders with lines, totals, holdings and history,
  holds, shipments, returns, products and prices are exactly those of the model.
- One more session lets several connections meet on the same products and
  orders, in a database of its own. Their outcomes must be those of some order
  of the operations that is in keeping with when they began and ended (strict
  serializability), and the state after it exactly that of the model.
- The server is killed now and then, a backend or the postmaster. What was
  acknowledged is there; of the rest a beginning is there, each operation of it
  wholly, and the model goes on from there.
- oms.integrity is empty after each kill and at the end, and there is no order,
  hold, shipment or return that the model does not know.

A sequence that fails is made short and printed as SQL. The order of checks
where an operation has two faults is the present one; the documentation leaves
it open. Time is not waited for: a hold expires by turning back its end.

    OMS_MODEL_OPERATIONS   how many operations, 200000
    OMS_MODEL_SEED         a number; sequences are the same again for it, apart from kills
    OMS_MODEL_KILLS        how often the server is killed, 4
"""
import multiprocessing
import os
import queue
import random
import secrets
import signal
import sys
import time

import psycopg2

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "fault"))
from rig import Cluster, wait_for       # noqa: E402
import session                          # noqa: E402
from verbs import VERBS                 # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
OPERATIONS = int(os.environ.get("OMS_MODEL_OPERATIONS", "200000"))
SEED = int(os.environ.get("OMS_MODEL_SEED", secrets.randbelow(10 ** 9)))
KILLS = int(os.environ.get("OMS_MODEL_KILLS", "4"))
SESSIONS = 2            # with things of their own
SHARE = 0.2             # of the operations that meet others
LIMIT = 800             # seconds
TABLES = ("product", "orders", "hold", "shipment", "return_order")


class Run:
    """The cluster, the sessions, and what they report."""

    def __init__(self):
        self.passed = self.failed = 0
        self.cluster = Cluster()
        self.sessions, self.reports = [], multiprocessing.Queue()
        self.peace = False
        self.done = {}          # session -> operations
        self.totals = {}        # (verb, SQLSTATE or None) -> number
        self.made = {}          # database -> table -> rows
        self.compared = self.kills = self.resyncs = self.integrity = 0
        self.began = time.monotonic()

    def check(self, ok, what):
        self.passed += bool(ok)
        self.failed += not ok
        print("%s %s" % ("ok     " if ok else "FAILED ", what), flush=True)

    # ------------------------------------------------------------- databases

    def conninfo(self, database):
        return psycopg2.extensions.make_dsn(self.cluster.conninfo, dbname=database)

    def make_databases(self):
        """A template with oms and what the test brings along, and databases of it."""
        self.cluster.sql("ALTER SYSTEM SET track_commit_timestamp = on")
        # the worker sees to the database oms alone, and is not what is tested here
        self.cluster.sql("ALTER SYSTEM SET oms.workers = 0")
        self.cluster.stop_postgres()
        self.cluster.start_postgres()
        self.cluster.sql("CREATE DATABASE model_template")
        for file in (os.path.join(HERE, "..", "..", "server", "run", "install.sql"),
                     os.path.join(HERE, "model.sql")):
            self.cluster.tool("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", file,
                              "-d", self.conninfo("model_template"))
        for database in ("model_own", "model_shared"):
            self.cluster.sql("CREATE DATABASE %s TEMPLATE model_template" % database)

    def check_integrity(self, when):
        """oms.integrity of both databases; waits until a server that was killed is back."""
        found = []
        for database in ("model_own", "model_shared"):
            found += wait_for("oms.integrity can be read", lambda database=database: [
                self.cluster.sql("SELECT * FROM oms.integrity LIMIT 5", dbname=database)], 120)[0]
        self.integrity += 1
        self.check(not found, "oms.integrity is empty %s%s" % (when, found or ""))

    # -------------------------------------------------------------- sessions

    def start(self):
        shared = int(OPERATIONS * SHARE)
        own = OPERATIONS - shared
        work = [("own%d" % n, "model_own", own // SESSIONS, False) for n in range(SESSIONS)]
        work.append(("shared", "model_shared", shared, True))
        for number, (name, database, operations, meet) in enumerate(work):
            self.done[name] = 0
            process = multiprocessing.Process(target=session.run, args=(
                self.reports, self.conninfo(database), number, name, operations, SEED, meet))
            process.start()
            self.sessions.append(process)

    def handle(self, report):
        """Take in what a session says."""
        kind, name, *more = report
        if kind == "progress":
            self.done[name], counts, compared, database, made = more
            for key, n in counts.items():
                self.totals[key] = self.totals.get(key, 0) + n
            self.compared += compared
            tables = self.made.setdefault(database, {})
            for table, n in made.items():
                tables[table] = tables.get(table, 0) + n
        elif kind == "resync":
            self.resyncs += 1
            print("        %s: of %d operations under way %d are there" % (name, *more),
                  flush=True)
        elif kind == "failing":
            # what failed is made short in peace
            self.peace = True
            print("        %s: %s" % (name, more[0]), flush=True)
        elif kind == "failed":
            self.check(False, "%s: %s" % (name, more[0]))
        elif kind == "ended":
            self.check(True, "%s agrees with the model in all of %d operations" % (name, more[0]))

    @property
    def operations(self):
        return sum(self.done.values())

    def watch(self):
        """Follow the sessions and kill the server now and then."""
        told = time.monotonic()
        rng = random.Random(SEED)
        while any(process.is_alive() for process in self.sessions) or not self.reports.empty():
            try:
                self.handle(self.reports.get(timeout=0.2))
            except queue.Empty:
                pass
            if self.operations >= OPERATIONS * (self.kills + 1) / (KILLS + 1) > 0 and (
                    self.kills < KILLS and not self.peace):
                self.kill(rng)
            if time.monotonic() - told > 10:
                told = time.monotonic()
                print("        %d operations, %d/s, %d rows compared" % (
                    self.operations, self.rate(), self.compared), flush=True)
            if time.monotonic() - self.began > LIMIT:
                self.check(False, "%d operations within %d s" % (OPERATIONS, LIMIT))
                break
        for process in self.sessions:
            if process.is_alive():
                process.kill()
            process.join()
            if process.exitcode != 0:
                self.check(False, "a session ended with status %s" % process.exitcode)

    def rate(self):
        return self.operations / (time.monotonic() - self.began)

    # ----------------------------------------------------------------- kills

    def kill(self, rng):
        """kill -9 of a backend, or of the postmaster, which is started again."""
        self.kills += 1
        if self.kills % 2:
            pids = [row[0] for row in self.cluster.sql(
                "SELECT pid FROM pg_stat_activity WHERE datname LIKE 'model_%%' ORDER BY pid")]
            pid = rng.choice(pids) if pids else None
            print("        killing %s" % ("backend %d" % pid if pid else "nobody: all are done"),
                  flush=True)
            if pid:
                os.kill(pid, signal.SIGKILL)
        else:
            print("        killing the postmaster", flush=True)
            self.cluster.stop_postgres(signal.SIGKILL)
            # its children notice and end; their shared memory goes with them
            wait_for("PostgreSQL starts again", self.try_start, 60, 0.5)
        self.check_integrity("after kill %d" % self.kills)

    def try_start(self):
        try:
            self.cluster.start_postgres()
            return True
        except AssertionError:
            return False

    # ------------------------------------------------------------------- end

    def check_totals(self):
        self.check_integrity("at the end")
        for database, tables in self.made.items():
            for table in TABLES:
                found = self.cluster.sql("SELECT count(*) FROM oms.%s" % table,
                                         dbname=database)[0][0]
                self.check(found == tables[table], "%s has %d rows of oms.%s, the model made %d"
                           % (database, found, table, tables[table]))
        missing = []
        print("%-22s %9s %9s" % ("verb", "done", "refused"))
        for verb in VERBS:
            done = self.totals.get((verb, None), 0)
            states = {s: n for (v, s), n in self.totals.items() if v == verb and s}
            refused = sum(states.values())
            print("%-22s %9d %9d  %s" % (verb, done, refused, " ".join(
                "%s:%d" % pair for pair in sorted(states.items()))))
            missing += [verb] if not done or not refused else []
        if OPERATIONS >= 20000:
            self.check(not missing, "each verb was done and refused%s" % (
                ", but not " + ", ".join(missing) if missing else ""))
        print("%d operations in %.0f s (%d/s), %d rows compared, %d kills, %d batches cut short, "
              "oms.integrity read %d times" % (self.operations, time.monotonic() - self.began,
                                               self.rate(), self.compared, self.kills,
                                               self.resyncs, self.integrity))


def main():
    print("model: OMS_MODEL_OPERATIONS=%d OMS_MODEL_SEED=%d OMS_MODEL_KILLS=%d" % (
        OPERATIONS, SEED, KILLS), flush=True)
    run = Run()
    try:
        run.make_databases()
        run.check(*session.finds_a_fault(run.conninfo("model_own"), SEED))
        run.began = time.monotonic()
        run.start()
        run.watch()
        run.check_totals()
    finally:
        for process in run.sessions:
            if process.is_alive():
                process.kill()
        run.cluster.remove()
    print("%d passed, %d failed" % (run.passed, run.failed))
    return 1 if run.failed else 0


if __name__ == "__main__":
    sys.exit(main())
