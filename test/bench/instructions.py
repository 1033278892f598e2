"""Instructions and bytes of WAL that the verbs of a simple order take: the same on a busy machine. See instructions."""
import os
import re
import shutil
import subprocess
import sys

from server import free_port
from setting import ENV, HERE, ROOT, WORK, say

PRODUCTS = 3000
WARM = 25       # calls of each verb before those that count: plans and tables are kept then
CALLS = 200     # of each verb; the counters are read before and after them
ITEMS = '[{"product_id":%d,"quantity":1},{"product_id":%d,"quantity":2},{"product_id":%d,"quantity":3}]'
OLD = 10_000    # orders that are there before, delivered
CANCELLED = WARM + CALLS
MADE = 2 * CANCELLED    # PENDING at first; the first half is confirmed and shipped, the second confirmed and cancelled

# the psql variables of products.sql and orders.sql
SCRIPT = {"products": PRODUCTS, "first": 1, "last": OLD, "hot": 0, "delivered": 1}

# what is counted: its name, the statement, its argument for order number i, of MADE
PHASES = (
    ("create", "(jsonb) AS SELECT oms.order_create($1, 'Customer')", lambda i: "'%s'" % items(i)),
    ("confirm", "(bigint) AS SELECT oms.order_confirm($1)", lambda i: OLD + i),
    ("ship", "(bigint) AS SELECT oms.order_ship($1)", lambda i: OLD + i),
    ("cancel", "(bigint) AS SELECT oms.order_cancel($1)", lambda i: OLD + i + CANCELLED),
)
SETTINGS = ("fsync=off", "full_page_writes=off", "autovacuum=off", "jit=off", "shared_buffers=64MB", "max_worker_processes=0",
            "shared_preload_libraries=", "plan_cache_mode=force_generic_plan")
KEEP = "-k" in sys.argv
MARK = "SELECT pg_current_wal_insert_lsn()"     # valgrind writes its counters whenever this is called


def items(i):
    """The lines of order number i: a product from each third."""
    third = PRODUCTS // 3
    return ITEMS % tuple(1 + n * third + (i * 7919 + n * 104729) % third for n in range(3))


def run(command, **options):
    """Runs a command; its output."""
    done = subprocess.run(command, env=ENV, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)
    if done.returncode:
        raise RuntimeError("%s: %s" % (" ".join(command), done.stdout[-2000:]))
    return done.stdout


class Cluster:
    """A cluster of a tree's own, with products and orders in it, and stopped: its server is run under valgrind."""

    def __init__(self, tree, home):
        self.tree, self.home = tree, home
        self.script = os.path.join(tree, "server", "run", "cluster.sh")

    def make(self):
        """Makes it, and checkpoints all that was written by the stop."""
        shutil.rmtree(self.home, ignore_errors=True)
        os.makedirs(self.home)
        run([self.script, "start", self.home, str(free_port())])
        try:
            run([self.script, "install", self.home])
            self.psql("ALTER SYSTEM SET autovacuum = off;", "SELECT pg_reload_conf();")   # comes at different times
            self.psql("SET search_path = oms;", *("\\set %s %d" % one for one in SCRIPT.items()),
                      *("\\i %s" % os.path.join(self.tree, "test", "bench", name) for name in ("products.sql", "orders.sql")))
            self.psql(*calls(PHASES[0], range(1, MADE + 1)))
            self.psql(*calls(PHASES[1], range(CANCELLED + 1, MADE + 1)))
            self.psql("VACUUM (FREEZE, ANALYZE);")
        finally:
            run([self.script, "stop", self.home])

    def psql(self, *lines):
        """Runs SQL."""
        run([self.script, "psql", self.home, "-XqAt", "-v", "ON_ERROR_STOP=1", "-o", "/dev/null"], input="\n".join(lines), cwd=HERE)

    def count(self):
        """Instructions of each call and bytes of WAL of each call, by phase."""
        owner = run([self.script, "owner", self.home]).strip()
        place = os.path.realpath(os.path.join(self.home, "pg"))
        out = os.path.join(place, "run", "callgrind.out")
        command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=" + out, "--dump-before=pg_current_wal_insert_lsn",
                   os.path.join(place, "tree/lib/postgresql/15/bin/postgres"), "--single", "-D", os.path.join(place, "data")]
        if os.getuid() == 0:
            command = ["setpriv", "--reuid", owner, "--regid", owner, "--init-groups", *command]
        for setting in SETTINGS:
            command += ["-c", setting]
        answer = run([*command, "oms"], input="\n".join(statements()) + "\n", cwd=place)
        if "ERROR" in answer:
            raise RuntimeError(answer[answer.index("ERROR"):][:500])
        positions = [int(high, 16) << 32 | int(low, 16) for high, low in re.findall(r'= "([0-9A-F]+)/([0-9A-F]+)"', answer)]
        totals = [read_total("%s.%d" % (out, part)) for part in range(1, 2 * len(PHASES) + 1)]
        if KEEP:
            say("the profile of %s", ", ".join("%s is %s.%d" % (name, out, 2 * n + 2) for n, (name, *_) in enumerate(PHASES)))
        return {name: (totals[2 * n + 1] / CALLS, (positions[2 * n + 1] - positions[2 * n]) / CALLS)
                for n, (name, *_) in enumerate(PHASES)}

    def remove(self):
        """Removes it with all its data."""
        run([self.script, "remove", self.home])


def calls(phase, numbers):
    """Statements that call a verb, planned once as omsd's are, for some orders."""
    name, statement, argument = phase
    yield "PREPARE order_%s%s;" % (name, statement)
    for i in numbers:
        yield "EXECUTE order_%s(%s);" % (name, argument(i))


def statements():
    """The session that is counted: of each verb some calls to warm up, then those between two marks."""
    for phase in PHASES:
        prepare, *executions = calls(phase, range(1, WARM + CALLS + 1))
        yield from [prepare, *executions[:WARM], MARK, *executions[WARM:], MARK]


def read_total(name):
    """The instructions in one of valgrind's files."""
    with open(name) as file:
        return next(int(line.split()[1]) for line in file if line.startswith(("totals:", "summary:")))


def measure(tree):
    """The figures of a tree."""
    cluster = Cluster(os.path.abspath(tree), os.path.join(WORK, "instructions"))
    say("counting in %s", cluster.tree)
    try:
        cluster.make()
        return cluster.count()
    finally:
        if not KEEP:
            cluster.remove()


def main():
    """Prints the table."""
    if not shutil.which("valgrind"):
        sys.exit("bench: valgrind is missing; as root: apt-get install valgrind")
    trees = [one for one in sys.argv[1:] if one != "-k"] or [ROOT]
    found = [measure(tree) for tree in trees]
    print("| verb | " + " | ".join("instructions | WAL bytes%s" % (" | ratio, WAL ratio" if n else "") for n in range(len(found))) + " |")
    print("|---|" + "---:|" * (3 * len(found) - 1))
    for name, *_ in PHASES:
        cells = []
        for n, one in enumerate(found):
            cells += ["%.0f" % one[name][0], "%.0f" % one[name][1]]
            if n:
                cells.append("%.3f, %.3f" % (one[name][0] / found[0][name][0], one[name][1] / found[0][name][1]))
        print("| %s | %s |" % (name, " | ".join(cells)))


if __name__ == "__main__":
    main()
