"""Figures: the values of runs, their medians, and tables of them."""
import statistics

from setting import RUNS, say


class Figures:
    """All that was measured, by part, operation, products, clients and side."""

    def __init__(self):
        self.values = {}
        self.failures = []

    def add(self, key, value, **more):
        """One run's value of a figure."""
        entry = self.values.setdefault(key, {"runs": [], "more": []})
        entry["runs"].append(value)
        entry["more"].append(more)

    def fail(self, what, why):
        """Something that went wrong; the run goes on and ends with status 1."""
        self.failures.append("%s: %s" % (what, why))
        say("FAILED: %s: %s", what, why)

    def median(self, *key):
        """The median of a figure, or None."""
        entry = self.values.get(key)
        return statistics.median(entry["runs"]) if entry else None

    def more(self, name, *key):
        """The median of what was measured beside a figure, or None."""
        entry = self.values.get(key)
        found = [more[name] for more in entry["more"] if name in more] if entry else []
        return statistics.median(found) if found else None

    def ratio(self, key, floor):
        """The median of the ratios of runs that were measured side by side, or None."""
        ours, theirs = self.values.get(key), self.values.get(floor)
        if not ours or not theirs:
            return None
        ratios = [a / b for a, b in zip(ours["runs"], theirs["runs"]) if b > 0]
        return statistics.median(ratios) if ratios else None

    def records(self):
        """All figures, for JSON."""
        for key, entry in self.values.items():
            names = ("part", "operation", "products", "clients", "side")
            record = dict(zip(names, key), median=statistics.median(entry["runs"]), runs=entry["runs"])
            for name in sorted(set().union(*entry["more"])):
                record[name] = self.more(name, *key)
            yield record


def rounds(sides):
    """The sides of each run, beginning with another one each time, so that drift falls on all alike."""
    for run in range(RUNS):
        first = run % len(sides)
        yield sides[first:] + sides[:first]


def per_second(value):
    """A rate, as 1234 or 12.3 k."""
    if value is None:
        return "-"
    return "%.1f k" % (value / 1000) if value >= 10_000 else "%.0f" % value


def percent(value):
    """A ratio."""
    return "-" if value is None else "%.0f %%" % (100 * value)


def decimal(value):
    """A small number, such as milliseconds."""
    return "-" if value is None else "%.1f" % value


def table(title, head, rows):
    """A Markdown table; the first column is left-aligned."""
    lines = ["", "### " + title, "", "| " + " | ".join(head) + " |", "|---|" + "---:|" * (len(head) - 1)]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines)
