"""A sequence of operations on a database, compared with the model batch by batch."""
import decimal
import json
import time

import psycopg2

from setting import state_of
from verbs import ARRAYS, Names, differs, learn, rows_of, say
from world import JOURNAL, rollback

BATCH = 50


class Mismatch(Exception):
    """Database and model differ."""


class Lost(Exception):
    """The connection ended under way."""


class Database:
    """A connection that runs the statements of a session."""

    def __init__(self, conninfo, session=0):
        self.conninfo, self.session = conninfo, session
        self.connection = None
        self.batches = 0
        self.open()

    def open(self):
        self.connection = psycopg2.connect(self.conninfo)
        self.connection.autocommit = True
        self.run("SET synchronous_commit = off")

    def close(self):
        self.connection.close()

    def reopen(self, seconds=120):
        """Connect again once the server answers."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                self.close()
                return self.open()
            except (psycopg2.Error, Lost):
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def run(self, statement, *args):
        try:
            with self.connection.cursor() as cursor:
                cursor.execute(statement, args or None)
                return cursor.fetchall() if cursor.description else []
        except psycopg2.Error as error:
            # a lost connection is told in several classes, not all of which close it
            if self.connection.closed or error.pgcode is None:
                raise Lost from error
            raise

    def batch(self, statements):
        """Rows (answer, SQLSTATE, message, end) of statements, acknowledged when this returns."""
        self.batches += 1
        columns = self.run("CALL model.run(%s, %s, %s, '{}', '{}', '{}', '{}')", self.session,
                           self.batches, statements)[0]
        self.run("SELECT oms_rest.wal_flush()")
        return list(zip(*columns))

    def logged(self):
        """Rows (answer, SQLSTATE, began, committed) of the statements of the last batch that
        are there."""
        rows = self.run(
            "SELECT n, answer, sqlstate, extract(epoch FROM began)::float8, "
            "extract(epoch FROM pg_xact_commit_timestamp(xid::xid))::float8 "
            "FROM model.log WHERE session = %s AND batch = %s ORDER BY n",
            self.session, self.batches)
        if [row[0] for row in rows] != list(range(1, len(rows) + 1)):
            raise Mismatch("after the crash operations %s are there: not the first ones"
                           % [row[0] for row in rows])
        return [row[1:] for row in rows]


class Episode:
    """One sequence: operations are predicted by the model, run, and compared."""

    def __init__(self, database, setting):
        self.database, self.setting = database, setting
        self.model = setting.model()
        self.names = Names()
        # orders that were entered at the same time have ids in another order than keys
        self.model.id_order = lambda key: (self.names.ids.get(("order", key), 10 ** 18), key)
        self.operations = []    # (verb, arguments)
        self.sequence = []      # their steps, in the order in which they took effect
        self.batch = []         # (outcome predicted, mark in the journal) of those that wait
        self.counts = {}        # (verb, SQLSTATE or None) -> number
        self.compared = 0
        JOURNAL.clear()

    @property
    def known(self):
        """The step from which on things have no id yet."""
        return len(self.operations) - len(self.batch)

    def predict(self, verb, args):
        """Add an operation to the batch."""
        mark = len(JOURNAL)
        outcome = self.model.apply(len(self.operations), verb, args)
        self.sequence.append(len(self.operations))
        self.operations.append((verb, args))
        self.batch.append((outcome, mark))

    def statements(self):
        """SQL of the operations that wait."""
        first = self.known
        said = []
        for step in range(first, len(self.operations)):
            # only answers of operations before it can be named
            self.names.answers = lambda of, step=step: (
                "$1[%d]" % (of - first + 1) if first <= of < step else None)
            said.append(say(*self.operations[step], self.names))
        self.names.answers = None
        return said

    def flush(self):
        """Run the operations that wait and compare; Lost when the connection ends."""
        if not self.batch:
            return
        rows = self.database.batch(self.statements())
        self.compare_answers(rows)
        self.compare_state()

    def compare_answers(self, rows):
        first = self.known
        for n, (answer, sqlstate, *more) in enumerate(rows):
            verb = self.operations[first + n][0]
            (wanted, predicted), _ = self.batch[n]
            wrong = None
            if sqlstate != wanted:
                wrong = "%s, expected %s" % (told(sqlstate, *more), told(wanted))
            elif wanted is None:
                wrong = differs(verb, answer, predicted)
            if wrong:
                raise Mismatch("operation %d, %s: %s" % (first + n, verb, wrong))
            self.note(verb, first + n, answer, sqlstate, predicted)
        self.batch = []
        JOURNAL.clear()

    def note(self, verb, step, answer, sqlstate, predicted):
        """Count an operation that is as predicted, and learn its ids."""
        states = [sqlstate]
        if sqlstate is None:
            learn(verb, step, answer, predicted, self.names)
            if verb in ARRAYS or verb == "orders_create":
                states = rows_of(answer)
        for state in states:
            self.counts[verb, state] = self.counts.get((verb, state), 0) + 1

    def resync(self):
        """After a crash: find out which operations of the batch are there, forget the others
        and compare; how many there were and are."""
        asked = len(self.batch)
        rows = self.database.logged() if asked else []
        if len(rows) < asked:
            rollback(self.batch[len(rows)][1])
            del self.operations[len(self.operations) - asked + len(rows):]
            del self.sequence[len(self.sequence) - asked + len(rows):]
            del self.batch[len(rows):]
        self.compare_answers([row[:2] for row in rows])
        self.compare_state()
        return asked, len(rows)

    def ids(self, kind):
        return [number for (of, _), number in self.names.ids.items() if of == kind]

    def compare_state(self):
        found = self.database.run(
            "SELECT model.state(%s, %s::bigint[], %s::bigint[], %s::bigint[])::text",
            self.setting.name, self.ids("product"), self.ids("order"), self.ids("hold"))[0][0]
        found = json.loads(found, parse_float=decimal.Decimal)
        wanted = state_of(self.model, self.names)
        problems = []
        for name, rows in wanted.items():
            there = sorted(map(tuple, found[name] or []), key=str)
            self.compared += len(rows)
            if there == sorted(rows, key=str):
                continue
            only = [row for row in there if row not in rows]
            missing = [row for row in rows if row not in there]
            if only or missing:
                problems.append("%s: found %s, expected %s" % (name, only[:4], missing[:4]))
        if problems:
            raise Mismatch("after operation %d: %s" % (
                len(self.operations) - 1, "; ".join(problems)))


def told(sqlstate, message=None, *_):
    if sqlstate is None:
        return "success"
    return sqlstate if message is None else "%s (%s)" % (sqlstate, message)


def opening(episode, rng, generator):
    """The first operations of a sequence: products with prices and stock."""
    generator.use(episode.model)
    for _ in range(6):
        episode.predict("product_create", {"sku": generator.sku(), "name": generator.word(),
                                           "price": generator.price()})
    for product in list(episode.model.products):
        for currency, decimals in (("EUR", 2), ("JPY", 0), ("KWD", 3)):
            if rng.random() < 0.8:
                episode.predict("product_price_set", {
                    "product": product, "currency": currency,
                    "price": generator.price(decimals)})
        for location in rng.sample(list(episode.model.locations), 3):
            episode.predict("stock_receive", {
                "product": product, "quantity": rng.randrange(1, 60), "location": location})
