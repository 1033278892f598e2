"""Connections that work at the same time on the same things.

Their operations are not predicted but explained: there must be one order of
them all, in keeping with when each began and ended, in which the model gives
each the outcome that it had (a refusal may be anywhere between its begin and
its end, a success is tried in the order of commits first), and after which
model and database are the same.
"""
import threading

from episode import Lost, Mismatch
from generate import ALONE, WEIGHTS
from verbs import KINDS, MAKES, differs, say
from world import JOURNAL, Key, rollback

CONNECTIONS = 4
OPERATIONS = 12         # of each connection
MOST_TRIES = 100000
VERBS = ([verb for verb in WEIGHTS if verb not in ALONE],
         [weight for verb, weight in WEIGHTS.items() if verb not in ALONE])


class Done:
    """An operation and what became of it."""

    def __init__(self, step, verb, args):
        self.step, self.verb, self.args = step, verb, args
        self.answer = self.sqlstate = self.message = None
        self.began = self.end = self.committed = 0.0

    def __str__(self):
        return "%.6f to %.6f %d %s %s: %s" % (
            self.began % 1000, self.end % 1000, self.step, self.verb, self.args,
            self.sqlstate or self.answer)


class Contest:
    """One round of operations that meet, in a sequence that goes on after it."""

    def __init__(self, episode, databases, generator):
        self.episode, self.databases, self.generator = episode, databases, generator
        self.model = episode.model
        self.order = []
        self.tries = 0

    def draw(self):
        """A list of operations for each connection; some are on what it has just made."""
        self.generator.use(self.model)
        self.roads = []
        step = len(self.episode.operations)
        for _ in self.databases:
            road, made = [], {}
            for _ in range(OPERATIONS):
                verb, args = self.generator.draw(VERBS)
                for name, kind in KINDS.items():
                    if name in args and kind in made and self.generator.chance(0.25):
                        args[name] = made[kind]
                road.append(Done(step, verb, args))
                if verb in MAKES:
                    made[MAKES[verb]] = Key((step, 0))
                if verb == "shipment_create":
                    made["shipment"] = Key((step, 0))
                self.episode.operations.append((verb, args))
                step += 1
            self.roads.append(road)

    def run(self):
        """Run all connections; the answers of each, None for one that was lost."""
        said = [self.say(road) for road in self.roads]
        answers = [None] * len(said)

        def work(n):
            try:
                answers[n] = self.databases[n].batch(said[n])
            except Lost:
                pass

        threads = [threading.Thread(target=work, args=(n,)) for n in range(len(said))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return answers

    def say(self, road):
        names, first = self.episode.names, road[0].step
        said = []
        for done in road:
            names.answers = lambda of, step=done.step: (
                "$1[%d]" % (of - first + 1) if first <= of < step else None)
            said.append(say(done.verb, done.args, names))
        names.answers = None
        return said

    def note(self, answers):
        """Note outcomes and times; those that are not in the log never happened."""
        for road, database, rows in zip(self.roads, self.databases, answers):
            logged = database.logged()
            del road[len(logged):]
            for done, (answer, sqlstate, began, committed) in zip(road, logged):
                done.answer, done.sqlstate = answer, sqlstate
                done.began, done.committed = began, committed
            for n, done in enumerate(road):
                done.end = rows[n][3] if rows else (
                    road[n + 1].began if n + 1 < len(road) else float("inf"))
                done.message = rows[n][2] if rows else None

    # ----------------------------------------------------------- explaining

    def matches(self, done):
        """Apply an operation to the model, if its outcome is then the one it had."""
        self.tries += 1
        mark = len(JOURNAL)
        sqlstate, predicted = self.model.apply(done.step, done.verb, done.args)
        if sqlstate != done.sqlstate or (
                sqlstate is None and differs(done.verb, done.answer, predicted)):
            rollback(mark)
            return False
        done.predicted = predicted
        return True

    def front(self):
        """The operations that may come next: none that began after another had ended."""
        heads = [(n, road[at]) for n, (road, at) in enumerate(zip(self.roads, self.at))
                 if at < len(road)]
        first = min((done.end for _, done in heads), default=0)
        return [(n, done) for n, done in heads if done.began <= first]

    def search(self):
        """Find the rest of an order; refusals are placed as soon as they fit, for they
        change nothing."""
        placed = []
        again = True
        while again:
            again = False
            for n, done in self.front():
                if done.sqlstate is not None and self.matches(done):
                    self.place(n, done)
                    placed.append(n)
                    again = True
        if not self.front():
            return True
        for n, done in sorted(self.front(), key=lambda head: head[1].committed):
            if done.sqlstate is not None or self.tries > MOST_TRIES:
                continue
            mark = len(JOURNAL)
            if self.matches(done):
                self.place(n, done)
                if self.search():
                    return True
                self.take_back(n)
                rollback(mark)
        for n in reversed(placed):
            self.take_back(n)
        return False

    def place(self, n, done):
        self.at[n] += 1
        self.order.append(done)
        if len(self.order) > len(self.best):
            self.best = list(self.order)

    def take_back(self, n):
        self.at[n] -= 1
        self.order.pop()

    def explain(self):
        """Find an order, or raise Mismatch; the state is still to be compared."""
        episode = self.episode
        self.at = [0] * len(self.roads)
        self.best = []
        JOURNAL.clear()
        if not self.search():
            raise Mismatch(self.complaint())
        for done in self.order:
            episode.note(done.verb, done.step, done.answer, done.sqlstate,
                         getattr(done, "predicted", None))
        JOURNAL.clear()
        episode.sequence += [done.step for done in self.order]

    def complaint(self):
        """The longest order that was found, and what the model makes of what might follow."""
        said = ["no order explains the outcomes of operations at the same time%s; after" % (
            ", as far as was tried" if self.tries > MOST_TRIES else "")]
        steps = [done.step for done in self.best]
        for done in self.best:
            self.matches(done)
            said.append("  %s" % done)
        self.at = [sum(done.step in steps for done in road) for road in self.roads]
        said.append("none of these can follow:")
        for _, done in self.front():
            mark = len(JOURNAL)
            outcome = self.model.apply(done.step, done.verb, done.args)
            rollback(mark)
            said.append("  %s %s\n    expected %s" % (done, done.message or "", outcome))
        said.append("and then:")
        rest = [done for road in self.roads for done in road if done.step not in steps]
        said += ["  %s" % done for done in sorted(rest, key=lambda done: done.committed)]
        return "\n".join(said)
