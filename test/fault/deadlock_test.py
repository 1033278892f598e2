"""Everybody calls every verb on the same few orders and products, with lines,
arrays and transfers in opposite orders: some wait, some are refused, and none
meet in a circle.

OMS_DEADLOCK_SECONDS says how long, 20 by default.
"""
import json
import os
import random
import threading
import time
from collections import Counter

from rig import RigTest, client

SECONDS = float(os.environ.get("OMS_DEADLOCK_SECONDS", "20"))
CONNECTIONS = 8
PRODUCTS = 8                # on sale at a time
LOCATIONS = ("MAIN", "EAST", "WEST")
RECENT = 60                 # how many of the newest orders, holds and so on are acted on
DEADLOCK = "40P01"


class Caller:
    """One connection that calls verbs at random until the time is over."""

    def __init__(self, hall, seed):
        self.hall = hall
        self.rng = random.Random(seed)
        self.connection = client.connect(hall.conninfo, autocommit=False)
        self.cursor = self.connection.cursor()

    # what the verbs are given

    def ids(self, table, count, where="true", column="id"):
        """Some of the newest ids of a table, in any order."""
        self.cursor.execute(
            "SELECT x FROM (SELECT {c} AS x FROM (SELECT * FROM {t} ORDER BY id DESC LIMIT {r}) AS t WHERE {w}) AS x "
            "ORDER BY random() LIMIT {n}".format(c=column, t=table, r=RECENT, w=where, n=count))
        found = [row[0] for row in self.cursor.fetchall()]
        self.connection.rollback()
        return found

    def id(self, *args):
        found = self.ids(args[0], 1, *args[1:])
        return found[0] if found else 0

    def order(self, *statuses, more="true"):
        return self.id("oms.orders", "status IN ('%s') AND %s" % ("', '".join(statuses), more))

    def orders(self, *statuses):
        return self.ids("oms.orders", 4, "status IN ('%s')" % "', '".join(statuses))

    def shipment(self, *states):
        return self.id("oms.shipment", "state IN ('%s')" % "', '".join(states))

    def returned(self, *states):
        return self.id("oms.return_order", "state IN ('%s')" % "', '".join(states))

    def held(self):
        return self.id("oms.hold", "EXISTS (SELECT FROM oms.hold_line AS l WHERE l.hold_id = t.id AND l.state = 'held')")

    def product(self):
        return self.rng.choice(self.hall.products)

    def place(self):
        return self.rng.choice(LOCATIONS)

    def items(self, most=5):
        """Lines of some products, in any order; at times one product twice."""
        products = self.rng.sample(self.hall.products, self.rng.randint(1, 4))
        if self.rng.random() < 0.2:
            products.append(products[0])
        return json.dumps([{"product_id": p, "quantity": self.rng.randint(1, most)} for p in products])

    def lines(self, **units):
        """One or both of the first two lines of an order, in any order."""
        numbers = self.rng.sample((1, 2), self.rng.randint(1, 2))
        return json.dumps([dict({"line": n}, **units) for n in numbers])

    # the verbs: a statement and its arguments

    def create(self):
        return "oms.order_create(%s, channel => %s)", self.items(), self.rng.choice(("default", "birth"))

    def create_many(self):
        return "count(nullif(ok, false)) FROM oms.orders_create(%s)", json.dumps(
            [{"channel": c, "items": json.loads(self.items())} for c in ("birth", "default", "birth")])

    def many(self, verb, *statuses):
        return "count(nullif(ok, false)) FROM oms.%s(%%s)" % verb, self.orders(*statuses)

    def count(self):
        product, place = self.product(), self.place()
        self.cursor.execute("SELECT on_hand, moves FROM oms.stock JOIN oms.location AS l ON l.id = location_id "
                            "WHERE product_id = %s AND l.code = %s", (product, place))
        on_hand, moves = self.cursor.fetchone() or (0, 0)
        self.connection.rollback()
        return "oms.stock_count(%s, %s, %s, %s)", product, on_hand + 1, moves, place

    def transfer(self):
        places = self.rng.sample(LOCATIONS, 2)
        return "oms.stock_transfer(%s, %s, %s, %s)", self.product(), self.rng.randint(1, 5), places[0], places[1]

    def change_sale(self):
        """A product goes, another comes."""
        old = self.hall.renew()
        return "oms.product_archive(%s)", old

    VERBS = {
        "order_create": create,
        "orders_create": create_many,
        "order_confirm": lambda c: ("oms.order_confirm(%s)", c.order("PENDING")),
        "order_pack": lambda c: ("oms.order_pack(%s)", c.order("CONFIRMED")),
        "order_ship": lambda c: ("oms.order_ship(%s)", c.order("CONFIRMED", "PACKED")),
        "order_deliver": lambda c: ("oms.order_deliver(%s)", c.order("SHIPPED")),
        "order_cancel": lambda c: ("oms.order_cancel(%s)", c.order("PENDING", "CONFIRMED", "PACKED")),
        "order_move": lambda c: ("oms.order_move(%s, 'CONFIRMED')", c.order("PENDING")),
        "order_advance": lambda c: ("oms.order_advance(%s, %s)", c.order("PENDING", "CONFIRMED"),
                                    c.rng.choice(("SHIPPED", "DELIVERED"))),
        "order_hold": lambda c: ("oms.order_hold(%s, 'wait')", c.order("PENDING", "CONFIRMED")),
        "order_release": lambda c: ("oms.order_release(%s)",
                                    c.order("PENDING", "CONFIRMED", "CANCELLED", more="hold_reason IS NOT NULL")),
        "order_cancel_lines": lambda c: ("oms.order_cancel_lines(%s, %s)", c.order("PENDING", "CONFIRMED"),
                                         c.lines(quantity=1)),
        "order_close": lambda c: ("oms.order_close(%s)", c.order("CONFIRMED", "PACKED", more="fulfilment = 'partial'")),
        "orders_confirm": lambda c: c.many("orders_confirm", "PENDING"),
        "orders_pack": lambda c: c.many("orders_pack", "CONFIRMED"),
        "orders_ship": lambda c: c.many("orders_ship", "CONFIRMED", "PACKED"),
        "orders_deliver": lambda c: c.many("orders_deliver", "SHIPPED"),
        "orders_cancel": lambda c: c.many("orders_cancel", "PENDING", "CONFIRMED"),
        "shipment_create": lambda c: ("count(*) FROM oms.shipment_create(%s, %s)", c.order("CONFIRMED"),
                                      c.lines(quantity=1)),
        "shipment_pack": lambda c: ("oms.shipment_pack(%s)", c.shipment("OPEN")),
        "shipment_ship": lambda c: ("oms.shipment_ship(%s)", c.shipment("OPEN", "PACKED")),
        "shipment_deliver": lambda c: ("oms.shipment_deliver(%s)", c.shipment("SHIPPED")),
        "shipment_cancel": lambda c: ("oms.shipment_cancel(%s)", c.shipment("OPEN", "PACKED")),
        "return_request": lambda c: ("oms.return_request(%s, %s, 'broken')",
                                     c.order("SHIPPED", "DELIVERED"), c.lines(quantity=1)),
        "return_approve": lambda c: ("oms.return_approve(%s)", c.returned("REQUESTED")),
        "return_reject": lambda c: ("oms.return_reject(%s)", c.returned("REQUESTED")),
        "return_cancel": lambda c: ("oms.return_cancel(%s)", c.returned("REQUESTED", "APPROVED")),
        "return_receive": lambda c: ("oms.return_receive(%s, %s, %s)", c.returned("APPROVED"), c.lines(restock=1),
                                     c.place()),
        "return_close": lambda c: ("oms.return_close(%s)", c.returned("APPROVED")),
        "stock_receive": lambda c: ("oms.stock_receive(%s, 20, location => %s)", c.product(), c.place()),
        "stock_adjust": lambda c: ("oms.stock_adjust(%s, -1, 'broken', %s)", c.product(), c.place()),
        "stock_count": count,
        "stock_transfer": transfer,
        "stock_set": lambda c: ("oms.stock_set(%s, %s, backorder_limit => %s)", c.product(), c.place(),
                                c.rng.randint(0, 9)),
        "hold_create": lambda c: ("oms.hold_create(%s, 'cart', %s)", c.items(), c.rng.choice(("1 s", "2 s", "1 h"))),
        "hold_renew": lambda c: ("oms.hold_renew(%s, '1 s')", c.held()),
        "hold_release": lambda c: ("oms.hold_release(%s)", c.held()),
        "hold_expire": lambda c: ("oms.hold_expire(%s)", c.rng.choice((1, 1000))),
        "product_update": lambda c: ("oms.product_update(%s, price => %s)", c.product(), c.rng.randint(1, 99)),
        "product_archive": change_sale,
    }
    RARE = ("product_archive", "stock_set")
    OFTEN = ("stock_receive", "order_create", "order_confirm", "orders_confirm", "shipment_create", "shipment_ship")

    # the calls

    def call(self, name):
        statement, *args = self.VERBS[name](self)
        self.hall.calls[name] += 1
        try:
            self.cursor.execute("SELECT " + statement, args)
            if self.rng.random() < 0.2:     # others meet the locks
                time.sleep(self.rng.random() * 0.005)
            self.connection.commit()
            return True
        except client.psycopg2.Error as error:
            self.connection.rollback()
            if error.pgcode is None or not error.pgcode.startswith("OM"):
                self.hall.wrong.append("%s %r: %s %s" % (name, args, error.pgcode, error))
            else:
                self.hall.refused[error.pgcode] += 1
            return False

    def run(self):
        names = [name for name in self.VERBS for _ in range(1 if name in self.RARE else 9 if name in self.OFTEN else 3)]
        try:
            while time.monotonic() < self.hall.end and len(self.hall.wrong) < 20:
                name = self.rng.choice(names)
                if self.call(name):
                    self.hall.done[name] += 1
        except Exception as error:      # handed to the test
            self.hall.wrong.append(repr(error))
        finally:
            self.connection.close()


class Hall:
    """What the callers share."""

    def __init__(self, rig):
        self.rig, self.conninfo = rig, rig.conninfo
        self.calls, self.done, self.refused = Counter(), Counter(), Counter()
        self.wrong = []
        self.lock = threading.Lock()
        self.number = 0
        self.products = [self.make_product() for _ in range(PRODUCTS)]
        self.end = time.monotonic() + SECONDS

    def make_product(self):
        """A new product, whose stock lies nowhere yet, or at the last location alone."""
        self.number += 1
        product = self.rig.value("SELECT oms.product_create(%s, 'Deadlock', 1)", "D-%d" % self.number)
        if self.number % 2:
            self.rig.value("SELECT oms.stock_receive(%s, 30, location => %s)", product, LOCATIONS[-1])
        return product

    def renew(self):
        """Puts a new product in the place of another; that one's id."""
        with self.lock:
            products = list(self.products)
            old = products.pop(random.randrange(PRODUCTS))
            self.products = products + [self.make_product()]
            return old


class Deadlock(RigTest):
    def deadlocks(self):
        return self.rig.value("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")

    def test_opposite_orders_never_wait_in_a_circle(self):
        self.rig.sql("ALTER SYSTEM SET deadlock_timeout = '100ms'")
        self.rig.sql("SELECT pg_reload_conf()")
        for place in LOCATIONS[1:]:
            self.rig.sql("SELECT oms.location_create(%s, %s)", place, place)
        self.rig.sql("SELECT oms.channel_create('birth', 'Takes stock at create', take_stock => 'create')")
        before = self.deadlocks()
        hall = Hall(self.rig)
        seed = random.randrange(10 ** 9)
        callers = [Caller(hall, seed + i) for i in range(CONNECTIONS)]
        threads = [threading.Thread(target=caller.run) for caller in callers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(SECONDS + 60)
        self.assertFalse(any(thread.is_alive() for thread in threads), "callers hang")
        print("%d calls, %d done, refused: %s" % (
            sum(hall.calls.values()), sum(hall.done.values()), dict(hall.refused)), flush=True)
        self.assertEqual(hall.wrong[:3], [], "seed %d" % seed)
        self.assertEqual([name for name in Caller.VERBS if hall.done[name] == 0], [], "verbs that never succeeded")
        time.sleep(1.5)     # statistics arrive late
        self.assertEqual(self.deadlocks(), before)
        self.assertEqual(self.rig.sql("SELECT * FROM oms.integrity"), [])
