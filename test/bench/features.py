"""Part e: what each feature adds to the call that does without it, in microseconds of one connection.

Calls with a feature and calls without it are made in turn, so that whatever else the machine does falls on both alike.
"""
import json
import statistics
import time
from collections import namedtuple

import psycopg2

from figure import decimal, table
from setting import RUNS, SMOKE

CALLS = 10 if SMOKE else 120    # of each feature in a run; their median counts
WARM = 5                        # before them, which plan statements and fill caches; not counted
PRODUCTS = 300                  # so few that the pages of their stock are in the log since the checkpoint
ARRAY = 64                      # orders in a call of the array verbs
ARRAY_CALLS = max(CALLS // 10, 5)   # of those

# title; plain, the title of the call without the feature; call, its statement; make, how the arguments of n calls are
# made; proof, a query that is true when all is right; setting, that holds for the calls; orders in each call
Feature = namedtuple("Feature", "title plain call make proof setting orders", defaults=("", 1))

BORN = ("SELECT count(*) = %(n)s AND bool_and(status = 'PENDING' AND (SELECT count(*) FROM oms.order_line WHERE order_id = id) = 3 "
        "AND {}) FROM oms.orders WHERE id = ANY (%(results)s)")
BECAME = "SELECT count(*) = %(n)s FROM oms.orders WHERE id = ANY (%(ids)s) AND status = '{}'"
MOVED = ("SELECT count(*) = {} * %(n)s FROM oms.stock_move WHERE order_id = ANY (%(ids)s) AND kind = '{}' AND at >= %(began)s")
SPLIT = MOVED.replace("SELECT", "SELECT count(DISTINCT location_id) = {} AND").replace("{} * %(n)s", "3 * %(n)s")
BOOKED = "SELECT count(*) = {} * %(n)s FROM oms.stock_move WHERE product_id = ANY (%(ids)s) AND kind = '{}' AND at >= %(began)s"
ALL_TRUE = "SELECT bool_and(good) AND count(*) = %(n)s FROM unnest(%(results)s) AS good"
NEW = "(jsonb) AS SELECT oms.order_create($1, 'Customer'{})"
STEP = "(bigint) AS SELECT oms.order_{}($1)"


def lines(number, *places, **more):
    """An order's three lines: a product from each third, or from the products that lie at some places."""
    third = PRODUCTS // 3
    ids = [1 + n * third + (number * 7919 + n * 104729) % third for n in range(3)]
    for n, place in enumerate(places):
        ids[n] = PRODUCTS + 3 * (number % 100) + place
    return [dict(product_id=one, quantity=n + 1, **more) for n, one in enumerate(ids)]


class Bench:
    """A connection, and what is made for the calls."""

    def __init__(self, database):
        self.database, self.number = database, 0
        self.connect()

    def connect(self):
        """Begins a session, in which statements are planned for the tables as they are."""
        self.connection = psycopg2.connect(self.database.conninfo)
        self.connection.autocommit = True
        self.cursor = self.connection.cursor()
        self.ask("SET synchronous_commit = off; SET plan_cache_mode = force_generic_plan")

    def ask(self, sql, arguments=None):
        """The first value that a statement returns, or None."""
        self.cursor.execute(sql, arguments)
        row = self.cursor.fetchone() if self.cursor.description else None
        return row[0] if row else None

    def items(self, n, *places, **more):
        """The lines of n orders, as arguments."""
        self.number += n
        return [(json.dumps(lines(self.number - one, *places, **more)),) for one in range(n)]

    def orders(self, n, *steps, places=(), channel="default"):
        """The ids of n new orders that took some steps, as arguments."""
        batch = [{"items": json.loads(one), "channel": channel} for one, in self.items(n, *places)]
        ids = self.ask("SELECT array_agg(order_id) FROM oms.orders_create(%s) WHERE ok", (json.dumps(batch),))
        for step in steps:
            if not self.ask("SELECT bool_and(ok) FROM oms.orders_%s(%%s)" % step, (ids,)):
                raise RuntimeError("orders_%s fails" % step)
        return [(one,) for one in ids]

    def prepare(self, name, statement):
        """Prepares a statement under a name that may have another one."""
        if self.ask("SELECT EXISTS (SELECT FROM pg_prepared_statements WHERE name = %s)", (name,)):
            self.ask("DEALLOCATE " + name)
        self.ask("PREPARE %s%s" % (name, statement))

    def each(self, rows, sql):
        """Rows of arguments, made of others by a statement each."""
        return [(self.ask(sql, row),) for row in rows]

    def run(self, feature, plain):
        """One run: microseconds of a call with the feature, and of one without it that was made in its turn."""
        n = ARRAY_CALLS if feature.orders > 1 else CALLS
        sides = [Side(self, feature, "featured", n)] + ([Side(self, plain, "plain", CALLS)] if plain else [])
        for one in range(WARM + CALLS):
            for side in sides:
                if one < len(side.calls):
                    side.call(one)
        for side in sides:
            self.prove(side)
        return sides[0].median(), sides[1].median() if plain else None

    def prove(self, side):
        """Proves that the calls did what they are for."""
        ids = [one for row in side.rows for one in (row[0] if isinstance(row[0], list) else [row[0]])]
        if not self.ask(side.feature.proof, {"ids": ids, "results": side.results, "n": len(side.rows) * side.proven, "began": side.began}):
            raise Wrong("%s is not as it should be: %s" % (side.feature.title, side.feature.proof))


class Side:
    """The calls of a feature in a run, prepared under a name."""

    def __init__(self, bench, feature, name, n):
        self.bench, self.feature = bench, feature
        self.rows = feature.make(bench, WARM + n)
        self.times, self.results = [], []
        self.proven = feature.orders if isinstance(self.rows[0][0], list) else 1
        self.calls = [bench.cursor.mogrify("EXECUTE %s(%s)" % (name, ", ".join(["%s"] * len(row))), row) for row in self.rows]
        bench.prepare(name, feature.call)
        self.began = bench.ask("SELECT clock_timestamp()")

    def call(self, one):
        """Makes one of the calls."""
        cursor = self.bench.cursor
        if self.feature.setting:
            cursor.execute("SET " + self.feature.setting)
        start = time.perf_counter()
        cursor.execute(self.calls[one])
        self.times.append((time.perf_counter() - start) * 1e6)
        self.results.append(cursor.fetchone()[0])
        if self.feature.setting:
            cursor.execute("RESET " + self.feature.setting.split()[0])

    def median(self):
        """Microseconds of an order; those of the first calls do not count."""
        return statistics.median(self.times[WARM:]) / self.feature.orders


class Wrong(Exception):
    """A call that did something else."""


def new(**more):
    """Makes lines of new orders."""
    return lambda bench, n: bench.items(n, **more)


def taken(*steps, **more):
    """Makes orders that took some steps."""
    return lambda bench, n: bench.orders(n, *steps, **more)


def after(make, sql):
    """Makes what a statement makes of each of others."""
    return lambda bench, n: bench.each(make(bench, n), sql)


def with_reference(bench, n):
    """Makes lines and an external reference."""
    return [(items, "ref %d %d" % (bench.number, one)) for one, (items,) in enumerate(bench.items(n))]


def arrays(*steps):
    """Makes arrays of orders that took some steps."""
    return lambda bench, n: [([one for one, in bench.orders(ARRAY, *steps)],) for _ in range(n)]


def array_items(bench, n):
    """Makes arrays of orders to be entered."""
    return [(json.dumps([{"items": json.loads(one)} for one, in bench.items(ARRAY)]),) for _ in range(n)]


def products(bench, n):
    """Makes products, another one for each call."""
    bench.number += n
    return [(1 + (bench.number - one) % PRODUCTS,) for one in range(n)]


def counted(bench, n):
    """Makes products with the version of their stock."""
    return [(one, bench.ask("SELECT moves FROM oms.stock WHERE product_id = %s AND location_id = 1", (one,))) for one, in products(bench, n)]


PARTLY = ("SELECT oms.shipment_ship(shipment_id) IS NULL FROM oms.shipment_create(%(id)s, '[{\"line\": 1}]')")


def partly(bench, n):
    """Makes orders of which a part has shipped."""
    rows = bench.orders(n, "confirm")
    for one, in rows:
        bench.ask(PARTLY, {"id": one})
    return rows


def reserved(bench, n):
    """Makes orders that reserved their units at birth."""
    return bench.orders(n, channel="reserving")


CANCEL = "order_cancel of a confirmed order"
AMEND = "(bigint) AS SELECT oms.order_amend($1, '[{\"line\": 1, \"quantity\": 5}]') = version + 1 FROM oms.orders WHERE id = $1"
AMENDED = "SELECT count(*) = %(n)s FROM oms.order_line WHERE order_id = ANY (%(ids)s) AND line_no = 1 AND quantity = 5"
HOLD = "SELECT oms.hold_create(%s, 'cart')"
SHIPMENT = "SELECT shipment_id FROM oms.shipment_create(%s)"
RETURN = "SELECT oms.return_request(%s, '[{\"line\": 1, \"quantity\": 1}]', 'too small')"
SHIPPED = "SELECT oms.shipment_ship(%s)"

FEATURES = [
    Feature("floor: EXECUTE of SELECT $1", None, "(bigint) AS SELECT $1", products, "SELECT %(ids)s = %(results)s"),
    # born
    Feature("order_create", None, NEW.format(""), new(), BORN.format("tax_amount = 0 AND discount_amount = 0")),
    Feature("+ channel with tax", "order_create", NEW.format(", channel => 'taxed'"), new(), BORN.format("tax_amount > 0")),
    Feature("+ discount of each line", "order_create", NEW.format(""), new(discount="10%"), BORN.format("discount_amount > 0")),
    Feature("+ discount of the order", "order_create", NEW.format(", discount => '5%'"), new(), BORN.format("discount_amount > 0")),
    Feature("+ customer_id", "order_create", "(jsonb) AS SELECT oms.order_create($1, customer_id => 1)", new(),
            BORN.format("customer_id = 1 AND customer_name = 'Ann'")),
    Feature("+ external_ref", "order_create", "(jsonb, text) AS SELECT oms.order_create($1, 'Customer', external_ref => $2)", with_reference,
            BORN.format("external_ref LIKE 'ref %%'")),
    Feature("+ gapless series", "order_create", NEW.format(", channel => 'gapless'"), new(),
            "SELECT count(DISTINCT series_number) = %(n)s AND max(series_number) - min(series_number) + 1 = %(n)s FROM oms.orders "
            "WHERE id = ANY (%(results)s)"),
    Feature("+ attributes", "order_create", NEW.format(", attributes => '{\"gift\": true, \"wrapping\": \"red\"}'"), new(),
            BORN.format("attributes @> '{\"gift\": true}'")),
    Feature("+ note", "order_create", NEW.format(", note => 'Ring twice.'"), new(),
            "SELECT count(*) = %(n)s FROM oms.order_note WHERE order_id = ANY (%(results)s) AND note = 'Ring twice.'"),
    Feature("+ stock taken at create", "order_create", NEW.format(", channel => 'reserving'"), new(),
            "SELECT count(*) = 3 * %(n)s FROM oms.stock_move WHERE order_id = ANY (%(results)s) AND kind = 'reserve'"),
    Feature("orders_create of 64, each order", "order_create", "(jsonb) AS SELECT bool_and(ok) AND count(*) = 64 FROM oms.orders_create($1)",
            array_items, ALL_TRUE, "", ARRAY),
    Feature("order_sell, to DELIVERED at once", "order_create", "(jsonb) AS SELECT oms.order_sell($1, 'Customer')", new(),
            "SELECT count(*) = %(n)s FROM oms.orders WHERE id = ANY (%(results)s) AND status = 'DELIVERED' AND version = 4"),
    Feature("hold_order of 3 lines", "order_create", "(bigint) AS SELECT oms.hold_order($1, 'Customer')", after(new(), HOLD),
            "SELECT count(*) = 3 * %(n)s FROM oms.hold_line WHERE hold_id = ANY (%(ids)s) AND state = 'consumed'"),
    # confirmed
    Feature("order_confirm", None, STEP.format("confirm"), taken(), MOVED.format(3, "allocate")),
    Feature("+ 2 locations", "order_confirm", STEP.format("confirm"), taken(places=(2,)), SPLIT.format(2, "allocate")),
    Feature("+ 3 locations", "order_confirm", STEP.format("confirm"), taken(places=(2, 3)), SPLIT.format(3, "allocate")),
    Feature("+ units reserved at create", "order_confirm", STEP.format("confirm"), reserved, MOVED.format(3, "allocate")),
    Feature("dry run of it", "order_confirm", STEP.format("confirm"), taken(), BECAME.format("PENDING"), "oms.dry_run = on"),
    Feature("why_not of it", "order_confirm", "(bigint) AS SELECT count(*) = 0 FROM oms.why_not($1, 'CONFIRMED')", taken(), ALL_TRUE),
    Feature("orders_confirm of 64, each order", "order_confirm", "(bigint[]) AS SELECT bool_and(ok) FROM oms.orders_confirm($1)", arrays(),
            BECAME.format("CONFIRMED"), "", ARRAY),
    # shipped
    Feature("order_ship", None, STEP.format("ship"), taken("confirm"), MOVED.format(3, "ship")),
    Feature("+ 2 locations", "order_ship", STEP.format("ship"), taken("confirm", places=(2,)), SPLIT.format(2, "ship")),
    Feature("+ 3 locations", "order_ship", STEP.format("ship"), taken("confirm", places=(2, 3)), SPLIT.format(3, "ship")),
    Feature("orders_ship of 64, each order", "order_ship", "(bigint[]) AS SELECT bool_and(ok) FROM oms.orders_ship($1)", arrays("confirm"),
            BECAME.format("SHIPPED"), "", ARRAY),
    Feature("shipment_create", "order_ship", "(bigint) AS SELECT shipment_id FROM oms.shipment_create($1)", taken("confirm"),
            "SELECT count(*) = %(n)s FROM oms.shipment WHERE id = ANY (%(results)s) AND state = 'OPEN'"),
    Feature("shipment_pack", "order_ship", "(bigint) AS SELECT oms.shipment_pack($1)", after(taken("confirm"), SHIPMENT),
            "SELECT count(*) = %(n)s FROM oms.shipment WHERE id = ANY (%(ids)s) AND state = 'PACKED'"),
    Feature("shipment_ship", "order_ship", "(bigint) AS SELECT oms.shipment_ship($1)", after(taken("confirm"), SHIPMENT),
            "SELECT count(*) = %(n)s FROM oms.shipment JOIN oms.orders AS o ON o.id = order_id WHERE shipment.id = ANY (%(ids)s) "
            "AND state = 'SHIPPED' AND status = 'SHIPPED'"),
    # delivered
    Feature("order_deliver", None, STEP.format("deliver"), taken("confirm", "ship"), BECAME.format("DELIVERED")),
    Feature("shipment_deliver", "order_deliver", "(bigint) AS SELECT oms.shipment_deliver($1)",
            lambda bench, n: [row for row in after(taken("confirm"), SHIPMENT)(bench, n) if bench.ask(SHIPPED, row) is not None],
            "SELECT count(*) = %(n)s FROM oms.shipment WHERE id = ANY (%(ids)s) AND state = 'DELIVERED'"),
    # cancelled
    Feature(CANCEL, None, STEP.format("cancel"), taken("confirm"), MOVED.format(3, "release")),
    Feature("of a PENDING order", CANCEL, STEP.format("cancel"), taken(), BECAME.format("CANCELLED")),
    Feature("orders_cancel of 64, each order", CANCEL, "(bigint[]) AS SELECT bool_and(ok) FROM oms.orders_cancel($1)",
            arrays("confirm"), BECAME.format("CANCELLED"), "", ARRAY),
    Feature("order_cancel_lines, 1 of 3", CANCEL,
            "(bigint) AS SELECT oms.order_cancel_lines($1, '[{\"line\": 1}]')", taken("confirm"), MOVED.format(1, "release")),
    Feature("order_close of a part", CANCEL, STEP.format("close"), partly, BECAME.format("SHIPPED")),
    # changed
    Feature("order_amend of a PENDING order, 1 line", CANCEL, AMEND, taken(), AMENDED),
    Feature("order_amend of a confirmed order, 1 line", CANCEL, AMEND, taken("confirm"), AMENDED),
    Feature("order_update of the name", CANCEL, "(bigint) AS SELECT oms.order_update($1, 'Other')", taken(),
            "SELECT count(*) = %(n)s FROM oms.orders WHERE id = ANY (%(ids)s) AND customer_name = 'Other'"),
    Feature("order_note_add", CANCEL, "(bigint) AS SELECT oms.order_note_add($1, 'Ring twice.')", taken(),
            "SELECT count(*) = %(n)s FROM oms.order_note WHERE order_id = ANY (%(ids)s)"),
    Feature("order_hold", CANCEL, "(bigint) AS SELECT oms.order_hold($1, 'fraud?')", taken("confirm"),
            "SELECT count(*) = %(n)s FROM oms.orders WHERE id = ANY (%(ids)s) AND hold_reason = 'fraud?'"),
    Feature("order_release", CANCEL, STEP.format("release"),
            lambda bench, n: [row for row in bench.orders(n, "confirm") if bench.ask("SELECT oms.order_hold(%s, 'fraud?')", row) is not None],
            "SELECT count(*) = %(n)s FROM oms.orders WHERE id = ANY (%(ids)s) AND hold_reason IS NULL AND version = 4"),
    # come back
    Feature("return_request", "order_create", "(bigint) AS " + RETURN.replace("%s", "$1"), taken("confirm", "ship"),
            "SELECT count(*) = %(n)s FROM oms.return_order WHERE id = ANY (%(results)s) AND state = 'REQUESTED'"),
    Feature("return_receive", "order_create", "(bigint) AS SELECT oms.return_receive($1, '[{\"line\": 1, \"restock\": 1}]') > 0",
            lambda bench, n: [row for row in after(taken("confirm", "ship"), RETURN)(bench, n)
                              if bench.ask("SELECT oms.return_approve(%s)", row) is not None], ALL_TRUE),
    # kept
    Feature("hold_create", "order_create", "(jsonb) AS SELECT oms.hold_create($1, 'cart')", new(),
            "SELECT count(*) = 3 * %(n)s FROM oms.hold_line WHERE hold_id = ANY (%(results)s) AND state = 'held'"),
    Feature("hold_renew", "order_create", "(bigint) AS SELECT oms.hold_renew($1, '1 hour') > now() + interval '59 min'", after(new(), HOLD), ALL_TRUE),
    Feature("hold_release", "order_create", "(bigint) AS SELECT oms.hold_release($1)", after(new(), HOLD),
            "SELECT count(*) = 3 * %(n)s FROM oms.hold_line WHERE hold_id = ANY (%(ids)s) AND state = 'released'"),
    # stock
    Feature("stock_receive", None, "(bigint) AS SELECT oms.stock_receive($1, 5)", products, BOOKED.format(1, "receive")),
    Feature("stock_adjust", "stock_receive", "(bigint) AS SELECT oms.stock_adjust($1, 1, 'found')", products, BOOKED.format(1, "adjust")),
    Feature("stock_count", "stock_receive", "(bigint, bigint) AS SELECT oms.stock_count($1, 900000000, $2)", counted,
            "SELECT count(*) = %(n)s FROM oms.stock WHERE product_id = ANY (%(ids)s) AND location_id = 1 AND on_hand = 900000000"),
    Feature("stock_transfer", "stock_receive", "(bigint) AS SELECT oms.stock_transfer($1, 1, 'MAIN', 'EAST')", products, BOOKED.format(2, "transfer")),
    # read
    Feature("order read as JSON", None, "(bigint) AS SELECT json_array_length(oms_rest.order_get('bench', 'r', $1) -> 'items') = 3", taken(), ALL_TRUE),
    Feature("order_timeline of a shipped order", "order read as JSON", "(bigint) AS SELECT count(*) >= 9 FROM oms.order_timeline($1)",
            taken("confirm", "ship"), ALL_TRUE),
]


def prepare(database):
    """Products, stock at three places, channels and a customer."""
    database.psql("-o", "/dev/null", "-f", "products.sql", schema="oms", variables={"products": PRODUCTS})
    database.psql("-o", "/dev/null", "-c", """SELECT oms.location_create('EAST', 'East', 200), oms.location_create('WEST', 'West', 300);
        SELECT oms.stock_receive(oms.product_create(format('AT-%s-%s', n, place), 'Product that lies at one place', 1), 1000000,
          location => (ARRAY['MAIN', 'EAST', 'WEST'])[place]) 
        FROM (SELECT n, place FROM generate_series(0, 99) AS n, generate_series(1, 3) AS place ORDER BY n, place) AS each;
        SELECT oms.channel_create('taxed', 'With tax', 'confirm', tax_rate => 7.7),
          oms.channel_create('gapless', 'Numbered', 'confirm', number_prefix => 'G-', gapless => true),
          oms.channel_create('reserving', 'Reserving', 'create'), oms.customer_create('Ann')""")
    database.sql("VACUUM ANALYZE")


def measure(figures, servers, database):
    """Part e."""
    one = servers.bare("oms_features")
    prepare(one)
    bench = Bench(one)
    plains = {feature.title: feature for feature in FEATURES if feature.plain is None}
    able = [feature for feature in FEATURES if attempt(figures, bench, feature, None)]
    bench.connection.close()
    one.sql("VACUUM ANALYZE")
    one.sql("CHECKPOINT")
    bench.connect()
    for _ in range(RUNS):
        floor = 0
        for feature in able:
            us, plain = attempt(figures, bench, feature, plains.get(feature.plain)) or (None, None)
            if us is None:
                continue
            net = us - floor / feature.orders
            more = {"more_us": net - (plain - floor), "ratio": net / (plain - floor)} if plain else {}
            figures.add(key_of(feature), net, **more)
            floor = floor or us
    bench.connection.close()
    found = one.sql("SELECT problem, subject FROM oms.integrity LIMIT 3")
    if found:
        figures.fail("features", "oms.integrity is not empty: " + found.replace("\n", "; "))


def attempt(figures, bench, feature, plain):
    """A run, or None when it fails; the first round fills the tables and finds out what does."""
    try:
        return bench.run(feature, plain)
    except (Wrong, psycopg2.Error) as error:
        figures.fail("%s of %s" % (feature.title, feature.plain or "itself"), error)
        return None


def key_of(feature):
    """Where a feature's figures are."""
    return "e", feature.title, "-", 1, feature.plain or "-"


def report(figures):
    """Part e as Markdown."""
    rows = []
    for feature in FEATURES:
        us, more, ratio = figures.median(*key_of(feature)), *(figures.more(name, *key_of(feature)) for name in ("more_us", "ratio"))
        rows.append((feature.title, decimal(us), "%+.1f" % more if more is not None else "-", "%.2f x" % ratio if ratio else "-",
                     feature.plain or "-"))
    return table("e. Features: one connection, synchronous_commit off, orders of three lines; without the floor, the round trip", (
        "call", "us", "more, us", "ratio", "to"), rows)
