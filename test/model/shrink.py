"""A failing sequence made as short as it goes, and told as SQL to repeat by hand."""
import copy
import time

import psycopg2

from rig import wait_for
from episode import BATCH, Database, Episode, Lost, Mismatch
from verbs import Names, say
from world import Key

MOST_REPLAYS = 400
MOST_SECONDS = 120


class Replay:
    """Runs sequences again, each in a fresh database made from a template."""

    def __init__(self, conninfo, template, setting, name):
        self.conninfo, self.template = conninfo, template
        self.setting = setting
        self.name = "replay_%s" % name
        self.replays = 0

    def fresh(self):
        """A connection to a fresh database and its setting."""
        admin = wait_for("the server answers", lambda: Database(self.conninfo), 60)
        admin.run("DROP DATABASE IF EXISTS %s WITH (FORCE)" % self.name)
        admin.run("CREATE DATABASE %s TEMPLATE %s" % (self.name, self.template))
        admin.close()
        database = Database(psycopg2.extensions.make_dsn(self.conninfo, dbname=self.name))
        setting = copy.copy(self.setting)
        setting.numbers = {}
        return database, setting.make(database.run)

    def fails(self, operations, each=False):
        """What goes wrong with a sequence, or None; "each" compares after each operation."""
        self.replays += 1
        database, setting = self.fresh()
        customers = dict(zip(self.setting.customers, setting.customers))
        episode = Episode(database, setting)
        try:
            for verb, args in operations:
                if each or len(episode.batch) >= BATCH:
                    episode.flush()
                episode.predict(verb, self.adapt(args, customers))
            episode.flush()
            found = database.run("SELECT * FROM oms.integrity")
            return "oms.integrity: %s" % found if found else None
        except (Mismatch, AssertionError, psycopg2.Error) as error:
            return "%s: %s" % (type(error).__name__, error)
        except Lost as error:
            return "the server ended: %s" % error.__cause__
        finally:
            database.close()

    def adapt(self, args, customers):
        """Arguments with the customers of the fresh database."""
        if "customer_id" in args:
            args = dict(args, customer_id=customers.get(args["customer_id"],
                                                        args["customer_id"]))
        if "orders" in args and args["orders"] and isinstance(args["orders"][0], dict):
            args = dict(args, orders=[self.adapt(order, customers) for order in args["orders"]])
        return args

    def shrink(self, operations):
        """The shortest failing part of a sequence that leaving operations out leads to."""
        size = max(len(operations) // 2, 1)
        deadline = time.monotonic() + MOST_SECONDS
        while size >= 1:
            start = 0
            while start < len(operations) and self.replays < MOST_REPLAYS and (
                    time.monotonic() < deadline):
                fewer = without(operations, start, start + size)
                if self.fails(fewer):
                    operations = fewer
                else:
                    start += size
            size = size // 2 if size > 1 else 0
        return operations


def without(operations, start, stop):
    """A sequence without some operations; what they made is unknown to the others."""
    return arranged(operations, [step for step in range(len(operations))
                                 if not start <= step < stop])


def arranged(operations, order):
    """The operations with these steps, in this order."""
    steps = {old: new for new, old in enumerate(order)}

    def move(value):
        if isinstance(value, Key):
            step = steps.get(value[0])
            return None if step is None else Key((step, value[1]))
        if isinstance(value, dict):
            return {name: move(part) for name, part in value.items()}
        if isinstance(value, list):
            return [move(part) for part in value]
        return tuple(move(part) for part in value) if isinstance(value, tuple) else value

    return [(operations[old][0], move(operations[old][1])) for old in order]


def script(setting, operations):
    """A sequence as a psql script for a fresh database with oms."""
    lines = ["-- for a database with oms and test/model/model.sql; psql -X -f"]
    lines += [statement + ";" for statement in setting.statements()]
    lines.append("SELECT oms.customer_archive(max(id)) FROM oms.customer;")
    names = Names()
    for step, (verb, args) in enumerate(operations):
        names.answers = lambda of, step=step: ":'r%d'" % of if of < step else None
        lines.append("%s AS r%d \\gset" % (say(verb, args, names), step))
    return "\n".join(lines)
