"""A session of the model test: one sequence after another, until its share is done."""
import copy
import random
import traceback

import psycopg2

from amend import Model
from contest import CONNECTIONS, Contest
from episode import BATCH, Database, Episode, Lost, Mismatch, opening
from generate_order import OrderGenerator
from setting import Setting
from shrink import Replay, arranged, script

BATCHES = 6             # of a sequence
ROUNDS = 3              # of operations that meet, in a sequence that has them
TEMPLATE = "model_template"


class Session:
    """Sequences on a database, the second half of each with connections that meet."""

    def __init__(self, reports, conninfo, number, name, seed, meet):
        self.reports, self.conninfo, self.name, self.meet = reports, conninfo, name, meet
        self.database = Database(conninfo, 10 * number)
        self.others = [Database(conninfo, 10 * number + n + 1)
                       for n in range(CONNECTIONS if meet else 0)]
        self.setting = Setting(name).make(self.database.run)
        self.seed = seed
        self.generator = OrderGenerator(random.Random(seed), self.setting, expire=meet)
        self.made = 0           # operations

    def again(self, call):
        """call() until the server is there."""
        while True:
            try:
                return call()
            except Lost:
                self.database.reopen()

    def prepare(self):
        """What earlier sequences left behind."""
        if self.meet:
            self.database.run("SELECT oms.hold_expire(1000000)")
        self.setting.refresh(self.database.run)

    def flush(self):
        try:
            self.episode.flush()
        except Lost:
            self.reports.put(("resync", self.name) + self.again(self.resync))

    def resync(self):
        self.database.reopen()
        return self.episode.resync()

    def sequence(self, number):
        """One sequence; raises Mismatch."""
        rng = random.Random("%d %s %d" % (self.seed, self.name, number))
        self.generator.rng = rng
        self.again(self.prepare)
        self.episode = Episode(self.database, self.setting)
        opening(self.episode, rng, self.generator)
        self.flush()
        for _ in range(BATCHES // 2 if self.meet else BATCHES):
            self.one_batch()
        for _ in range(ROUNDS if self.meet else 0):
            self.one_round()
            self.one_batch()

    def one_batch(self):
        self.generator.use(self.episode.model)
        for _ in range(BATCH):
            self.episode.predict(*self.generator.draw())
        self.flush()

    def fill_places(self):
        """Make all rows of stock: a verb that has waited for rows does not see one that was
        made meanwhile, so that no serial order explains where it takes from."""
        model = self.episode.model
        for key, product in model.products.items():
            for code in model.locations:
                if code not in product.stock:
                    self.episode.predict("stock_set", {"product": key, "location": code})
        self.flush()

    def one_round(self):
        self.fill_places()
        contest = Contest(self.episode, self.others, self.generator)
        contest.draw()
        answers = contest.run()
        asked = sum(map(len, contest.roads))
        if None in answers:
            for database in self.others:
                database.reopen()
        self.again(lambda: contest.note(answers))
        if None in answers:
            self.reports.put(("resync", self.name, asked, sum(map(len, contest.roads))))
        contest.explain()
        try:
            self.again(self.episode.compare_state)
        except Mismatch as error:
            raise Mismatch("%s; after, at the same time,\n  %s" % (
                error, "\n  ".join(map(str, contest.order)))) from None

    def report(self, database):
        """Tell what a sequence did."""
        model = self.episode.model
        self.made += len(self.episode.sequence)
        self.reports.put(("progress", self.name, self.made, self.episode.counts,
                          self.episode.compared, database, {
                              "product": len(model.products), "orders": len(model.orders),
                              "hold": len(model.holds), "shipment": len(model.shipments),
                              "return_order": len(model.returns)}))

    def circumstances(self):
        """What the last operations were, and where model and database differ after them."""
        said = ["  %d %s %s" % (step, *self.episode.operations[step])
                for step in self.episode.sequence[-BATCH:]]
        try:
            self.episode.compare_state()
        except (Mismatch, KeyError, Lost, psycopg2.Error) as error:
            # a batch that was not taken in leaves things without ids
            said.append("%s: %s" % (type(error).__name__, error))
        return "\n".join(said)

    def explain(self, error, number):
        """Make what failed short, and say how to repeat it."""
        operations = arranged(self.episode.operations, self.episode.sequence)
        replay = Replay(self.conninfo, TEMPLATE, self.setting, self.name)
        said = "%s\nin sequence %d of %s, seed %d" % (error, number, self.name, self.seed)
        if not replay.fails(operations):
            return "%s\nThe same operations one after the other do not fail.\n%s" % (
                said, self.circumstances())
        short = replay.shrink(operations)
        return "%s\nmade short, after %d attempts: %s\n%s" % (
            said, replay.replays, replay.fails(short, each=True), script(self.setting, short))


def run(reports, conninfo, number, name, operations, seed, meet):
    """The process of a session."""
    database = psycopg2.extensions.parse_dsn(conninfo)["dbname"]
    sequence = 0
    try:
        session = Session(reports, conninfo, number, name, seed, meet)
        while session.made < operations:
            try:
                session.sequence(sequence)
            except (Mismatch, AssertionError, psycopg2.Error) as error:
                reports.put(("failing", name, str(error)))
                reports.put(("failed", name, session.explain(
                    "%s: %s" % (type(error).__name__, error), sequence)))
                return
            session.report(database)
            sequence += 1
        reports.put(("ended", name, session.made))
    except Exception:       # whatever it is, the run has failed by it
        reports.put(("failed", name, traceback.format_exc()))


class Wrong(Model):
    """A model with a fault: a transfer of seven units loses one."""

    def stock_transfer(self, product, quantity, from_location, to_location):
        super().stock_transfer(product, quantity, from_location, to_location)
        if quantity == 7:
            self.shelf(product, to_location).on_hand -= 1


def finds_a_fault(conninfo, seed):
    """(whether, what): a fault of the model's own is found, and its sequence made short."""
    setting = Setting("wrong")
    setting.customers = {1: ("Ann", False), 2: ("Gone", True)}
    generator = OrderGenerator(random.Random(seed), setting, expire=True)
    episode = Episode(None, setting)
    opening(episode, generator.rng, generator)
    for _ in range(60):
        episode.predict(*generator.draw())
    product = list(episode.model.products)[0]
    places = [code for code, *_ in setting.locations[:2]]
    episode.predict("stock_receive", {"product": product, "quantity": 9, "location": places[0]})
    episode.predict("stock_transfer", {"product": product, "quantity": 7,
                                       "from_location": places[0], "to_location": places[1]})
    right = Replay(conninfo, TEMPLATE, setting, "right").fails(episode.operations)
    faulty = copy.copy(setting)
    faulty.kind = Wrong
    replay = Replay(conninfo, TEMPLATE, faulty, "wrong")
    wrong = replay.fails(episode.operations)
    short = replay.shrink(episode.operations) if wrong else []
    return right is None and wrong is not None and 2 <= len(short) <= 3, (
        "a fault of the model's own is found and made short: %d of %d operations%s" % (
            len(short), len(episode.operations), "; without it: %s" % right if right else ""))
