"""Part a: orders created and confirmed, by the floor, by the verbs, over REST and by arrays."""
from figure import decimal, per_second, percent, rounds, table
from load import LoadFailed, Result, pgbench, rest
from setting import PRODUCTS, SECONDS, SMOKE, WARM_UP, say
from tables import Tables, Wrong, reset

OPERATIONS = ("create", "confirm", "both")
TITLES = {"create": "create", "confirm": "confirm", "both": "create + confirm"}
# what is measured with how many clients: one client has nobody to meet at the hot product, and a create does not lock it
SERIES = [("uniform", 1, OPERATIONS), ("uniform", 16, OPERATIONS), ("uniform", 64, OPERATIONS),
          ("hot", 16, ("confirm", "both")), ("hot", 64, OPERATIONS)]
if SMOKE:
    SERIES = [one for one in SERIES if one[1] == 64]
ARRAY_CALLERS = 4
ARRAY_SIZES = (16, 64)
BATCHES = 256

# an order's three products, one from each third; the last line of the text is the statement's own
PICK = "\\set a %s\n\\set b random({third} + 1, 2 * {third})\n\\set c random(2 * {third} + 1, 3 * {third})\n"
PICKS = {
    "uniform": (PICK % "random(1, {third})").format(third=PRODUCTS // 3),
    "hot": (PICK % "1").format(third=PRODUCTS // 3),
}
# ids are dealt out by client, so that no order is confirmed twice
NEXT_ID = "\\set i :i + 1\n\\set id :first + (:client_id + :i * :clients) * :size\n"

# pgbench cannot put variables into a string, so that PostgreSQL has to do it: 1 or 2 us that a client would not cost it
ITEMS = """('[{"product_id":' || :a::text || ',"quantity":1},{"product_id":' || :b::text ||
  ',"quantity":2},{"product_id":' || :c::text || ',"quantity":3}]')::jsonb"""
CREATE = {
    "floor": "SELECT floor.order_create(ARRAY[:a, :b, :c]::bigint[], ARRAY[1, 2, 3]::bigint[], 'Customer')",
    "direct": "SELECT oms.order_create(" + ITEMS + ", 'Customer')",
}
CONFIRM = {"floor": "SELECT floor.order_confirm(:id)", "direct": "SELECT oms.order_confirm(:id)"}


def script(side, operation, mix):
    """The pgbench script of one order."""
    if operation == "create":
        return PICKS[mix] + CREATE[side] + ";\n"
    if operation == "confirm":
        return NEXT_ID + CONFIRM[side] + ";\n"
    return PICKS[mix] + CREATE[side] + " AS id \\gset\n" + CONFIRM[side] + ";\n"


def array_script(operation, mix, size):
    """The pgbench script of a call for many orders."""
    if operation == "create":
        return ("\\set n random(1, %d)\nSELECT count(*) FROM oms.orders_create((SELECT orders FROM bench.batch "
                "WHERE size = %d AND mix = '%s' AND n = :n));\n" % (BATCHES, size, mix))
    return NEXT_ID + ("SELECT count(*) FROM oms.orders_confirm(ARRAY(SELECT generate_series(:id::bigint, :id + %d)));\n"
                      % (size - 1))


class Side:
    """One way to place orders, with the tables that they end up in."""

    def __init__(self, name, tables, size=1):
        self.name, self.tables, self.size = name, tables, size
        self.rates = {}     # of confirms, the last ones seen

    def measure(self, operation, mix, clients):
        """One measurement with its proof."""
        for attempt in range(4):
            first, last = self.pending(operation, mix, clients, 2 ** attempt)
            self.tables.database.sql("CHECKPOINT")
            mark = self.tables.mark()
            try:
                result = self.load(operation, mix, clients, first)
            except LoadFailed:
                if operation != "confirm" or attempt == 3:
                    raise
                continue    # most likely the pending orders were used up
            if operation == "confirm" and result.count + result.in_flight > last - first:
                self.rates[mix, clients] = result.rate
                continue
            break
        self.rates[mix, clients] = result.rate
        if operation == "confirm":
            self.tables.prove(mark, result, False, True, first, last)
        else:
            self.tables.prove(mark, result, True, operation == "both")
        return result

    def pending(self, operation, mix, clients, factor):
        """PENDING orders for a confirm, more than it can manage."""
        if operation != "confirm":
            return 0, 0
        rate = self.rates.get((mix, clients), 2000 * min(clients, 4) * self.size ** 0.5)
        return self.tables.add_pending(int(rate * (SECONDS + WARM_UP) * 1.7 * factor) + 64 * self.size * clients, mix == "hot")

    def load(self, operation, mix, clients, first):
        """The load alone."""
        database = self.tables.database
        if self.name == "rest":
            return rest(database, clients, operation, hot=int(mix == "hot"), first=first)
        text = array_script(operation, mix, self.size) if self.size > 1 else script(self.name, operation, mix)
        variables = {"i": -1, "first": first, "clients": clients, "size": self.size}
        result = pgbench(database, text, clients, variables)
        return result if self.size == 1 else Result(result.rate * self.size, result.count * self.size)


def series(figures, part, sides, operations, mix, clients):
    """Measures the operations with all sides in turn; sides are (label, side, clients of its own or None)."""
    for operation in operations:
        for turn in rounds(sides):
            for label, side, own in turn:
                key = (part, operation, mix, clients, label)
                try:
                    result = side.measure(operation, mix, own or clients)
                    figures.add(key, result.rate, **result.more)
                except (LoadFailed, Wrong) as error:
                    figures.fail(" ".join(map(str, key)), error)
        say("%s, %s, clients %d: %s", TITLES[operation], mix, clients, ", ".join(
            "%s %s" % (label, per_second(figures.median(part, operation, mix, clients, label)))
            for label, _, _ in sides))


def prove_integrity(figures, what, *tables):
    """oms.integrity after a series of loads."""
    for one in tables:
        try:
            one.integrity()
        except Wrong as error:
            figures.fail(what, error)


def make_batches(database):
    """Orders of array calls, made beforehand."""
    database.sql("""CREATE SCHEMA bench; CREATE TABLE bench.batch (size int, mix text, n int, orders jsonb,
        PRIMARY KEY (size, mix, n)); ALTER TABLE bench.batch ALTER orders SET STORAGE EXTERNAL""")
    database.sql("""INSERT INTO bench.batch
        SELECT size, mix, n, (SELECT jsonb_agg(jsonb_build_object('customer_name', 'Customer', 'items', (
          SELECT jsonb_agg(jsonb_build_object('quantity', line, 'product_id', CASE WHEN mix = 'hot' AND line = 1 THEN 1
            ELSE 1 + (line - 1) * {third} + (hashint8extended(n, size * 1000 + o * 3 + line) & 2147483647) %% {third} END))
          FROM generate_series(1, 3) AS line))) FROM generate_series(1, size) AS o)
        FROM unnest(ARRAY{sizes}) AS size, unnest(ARRAY['uniform', 'hot']) AS mix, generate_series(1, {batches}) AS n
        """.format(third=PRODUCTS // 3, sizes=list(ARRAY_SIZES), batches=BATCHES).replace("%%", "%"))


def measure(figures, servers, database):
    """All of part a."""
    oms, floor = Tables(database, "oms"), Tables(database, "floor")
    sides = [("floor", Side("floor", floor), None), ("direct", Side("direct", oms), None),
             ("rest", Side("rest", oms), None)]
    for mix, clients, operations in SERIES:
        reset(oms, floor)
        series(figures, "a", sides, operations, mix, clients)
        prove_integrity(figures, "after %d clients, %s" % (clients, mix), oms, floor)
        servers.empty_logs()
    make_batches(database)
    arrays = [("floor", sides[0][1], 64)]
    arrays += [(str(size), Side("direct", oms, size), None) for size in ARRAY_SIZES]
    for operation, mix in (("create", "uniform"), ("confirm", "uniform"), ("confirm", "hot")):
        reset(oms, floor)
        series(figures, "arrays", arrays, [operation], mix, ARRAY_CALLERS)
        prove_integrity(figures, "after arrays, %s" % mix, oms, floor)


def row(figures, operation, mix, clients):
    """A row of the first table of part a."""
    base, direct, http = (("a", operation, mix, clients, side) for side in ("floor", "direct", "rest"))
    return (TITLES[operation], mix, clients, percent(figures.ratio(direct, base)), percent(figures.ratio(http, direct)),
            percent(figures.ratio(http, base)), per_second(figures.median(*base)), per_second(figures.median(*direct)),
            per_second(figures.median(*http)), decimal(figures.more("p99_ms", *http)), decimal(figures.more("cpu_us", *http)))


def report(figures):
    """Part a as Markdown."""
    rows = []
    for operation in OPERATIONS:
        for mix, clients, operations in SERIES:
            if operation in operations:
                rows.append(row(figures, operation, mix, clients))
    text = table("a. Orders of three lines", (
        "operation", "products", "clients", "direct / floor", "REST / direct", "REST / floor", "floor, 1/s", "direct, 1/s",
        "REST, 1/s", "REST p99, ms", "omsd CPU, us/request"), rows)
    rows = []
    for operation, mix in (("create", "uniform"), ("confirm", "uniform"), ("confirm", "hot")):
        floor = ("arrays", operation, mix, ARRAY_CALLERS, "floor")
        for size in ARRAY_SIZES:
            key = ("arrays", operation, mix, ARRAY_CALLERS, str(size))
            rows.append(("orders_" + operation, mix, size, percent(figures.ratio(key, floor)),
                         per_second(figures.median(*floor)), per_second(figures.median(*key))))
    return text + "\n" + table("a. Arrays: %d callers against the floor's 64 clients, one order a call" % ARRAY_CALLERS, (
        "verb", "products", "orders in a call", "orders / floor", "floor, orders/s", "orders/s"), rows)
