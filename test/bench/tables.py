"""The tables of oms or of the floor: filled, marked before a load, and proved right after it."""
from concurrent.futures import ThreadPoolExecutor

from setting import BASE_ORDERS, PRODUCTS

NAMES = "product, stock, stock_move, orders, order_line, order_history, event, task"

MARK = """SELECT (SELECT max(id) FROM orders), (SELECT max(id) FROM event), (SELECT max(id) FROM task),
  (SELECT max(order_id) FROM order_history), sum(on_hand), sum(allocated), sum(moves) FROM stock"""

# what a load has written: {order}, {event} and {task} are the highest ids before it, {first} and {last} the ids of
# the orders that it may have confirmed
WRITTEN = """SELECT (SELECT count(*) FROM orders WHERE id > {order}),
  (SELECT count(*) FROM order_line WHERE order_id > {order}),
  (SELECT count(*) FROM order_history WHERE order_id > {order} AND seq = 1),
  (SELECT count(*) FROM task WHERE id > {task}),
  (SELECT count(*) FROM event WHERE id > {event} AND type = 'order.created'),
  (SELECT count(*) FROM orders WHERE id BETWEEN {first} AND {last} AND status = 'CONFIRMED'),
  (SELECT count(*) FROM order_history WHERE order_id BETWEEN {first} AND {last} AND seq = 2),
  (SELECT count(*) FROM event WHERE id > {event} AND type = 'order.confirmed'),
  (SELECT sum(quantity) FROM order_line JOIN orders ON id = order_id
   WHERE order_id BETWEEN {first} AND {last} AND status = 'CONFIRMED'),
  (SELECT sum(on_hand) FROM stock), (SELECT sum(allocated) FROM stock), (SELECT sum(moves) FROM stock)"""

ENDLESS = 2 ** 62


class Wrong(Exception):
    """Something that was written is not what was acknowledged."""


def reset(*tables):
    """Resets several at once."""
    with ThreadPoolExecutor() as pool:
        list(pool.map(Tables.reset, tables))


class Tables:
    """The tables of one schema of a database."""

    loads = 0       # how many were proved right

    def __init__(self, database, schema):
        self.database, self.schema = database, schema

    def reset(self, orders=BASE_ORDERS):
        """Products with stock, and delivered orders."""
        sequences = "; ".join("SELECT setval(pg_get_serial_sequence('%s', 'id'), 1, false)" % name
                              for name in ("product", "stock", "orders", "event", "task"))
        self.database.sql("SET session_replication_role = replica; TRUNCATE %s; %s" % (NAMES, sequences), self.schema)
        self.script("products.sql")
        half = orders // 2
        self.beside("orders.sql", {"first": 1, "last": half}, {"first": half + 1, "last": orders}, hot=0, delivered=1)
        self.beside("deliver.sql", {"part": "order"}, {"part": "stock"}, first=1, last=orders)
        self.database.sql("VACUUM (ANALYZE) " + NAMES, self.schema)

    def script(self, name, **variables):
        """Runs one of the SQL files."""
        self.database.psql("-o", "/dev/null", "-f", name, schema=self.schema, variables=dict(variables, products=PRODUCTS))

    def beside(self, name, *each, **common):
        """Runs one of the SQL files several times at once."""
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda own: self.script(name, **common, **own), each))

    def add_pending(self, count, hot):
        """Adds PENDING orders; the ids of the first and the last."""
        mark = self.mark()
        first = max(mark["order"], mark["history"]) + 1
        half, last = first + count // 2, first + count - 1
        self.beside("orders.sql", {"first": first, "last": half}, {"first": half + 1, "last": last}, hot=int(hot), delivered=0)
        return first, last

    def mark(self):
        """What is there now, to be compared with what is there after a load."""
        names = ("order", "event", "task", "history", "on_hand", "allocated", "moves")
        return dict(zip(names, self.database.numbers(MARK, self.schema)))

    def prove(self, mark, result, created, confirmed, first=None, last=ENDLESS):
        """Proves that acknowledged = written, in every table, and that stock is conserved."""
        if first is None:
            first = mark["order"] + 1
        (orders, lines, born, tasks, created_events, moved, history, confirmed_events, quantity,
         on_hand, allocated, moves) = self.database.numbers(
             WRITTEN.format(first=first, last=last, **mark), self.schema)
        whole = {
            "lines = 3 orders": lines == 3 * orders,
            "history, events, tasks = orders": born == created_events == tasks == orders,
            "history, events = confirmed": history == confirmed_events == moved,
            "units allocated = units of confirmed lines": allocated - mark["allocated"] == quantity,
            "moves = 3 confirmed": moves - mark["moves"] == 3 * moved,
            "units on hand as before": on_hand == mark["on_hand"],
            "created = acknowledged": self.close(orders, result, created, confirmed),
            "confirmed = acknowledged": self.close(moved, result, confirmed, False),
        }
        wrong = [what for what, holds in whole.items() if not holds]
        if wrong:
            raise Wrong("%s: not %s (acknowledged %d, %d orders, %d confirmed)" % (
                self.schema, ", ".join(wrong), result.count, orders, moved))
        Tables.loads += 1

    @staticmethod
    def close(written, result, wanted, and_more):
        """Whether as much was written as acknowledged; what was on its way at the end may be there or not."""
        if not wanted:
            return written == 0
        return result.count <= written <= result.count + result.in_flight * (2 if and_more else 1)

    def integrity(self):
        """Proves that oms.integrity is empty, and that the ledger has a row for each move."""
        moves, rows = self.database.numbers(
            "SELECT (SELECT sum(moves) FROM stock), (SELECT count(*) FROM stock_move)", self.schema)
        if moves != rows:
            raise Wrong("%s: %d moves counted, %d in the ledger" % (self.schema, moves, rows))
        if self.schema != "oms":
            return
        found = self.database.sql("SELECT problem, subject FROM oms.integrity LIMIT 3")
        if found:
            raise Wrong("oms.integrity is not empty: " + found.replace("\n", "; "))
