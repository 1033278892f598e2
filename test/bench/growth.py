"""Part d: the same figures with a million orders in the tables."""
import time

import orders
import reads
from figure import per_second, percent, table
from setting import BASE_ORDERS, GROWTH_ORDERS, say
from tables import Tables

CLIENTS = 64
OPERATIONS = ("create", "confirm")
LABELS = ("direct", "rest")


def measure(figures, servers, database):
    """A small and a large database side by side, each with its omsd."""
    large = servers.second("oms_large")
    began = time.monotonic()
    tables = {"small": Tables(database, "oms"), "large": Tables(large, "oms")}
    say("loading %d orders", GROWTH_ORDERS)
    tables["large"].reset(GROWTH_ORDERS)
    say("loaded in %.0f s", time.monotonic() - began)
    tables["small"].reset()
    measure_reads(figures, database, large)
    sides = [(label + " " + name, orders.Side(label, one), None) for label in LABELS for name, one in tables.items()]
    orders.series(figures, "d", sides, OPERATIONS, "uniform", CLIENTS)
    orders.prove_integrity(figures, "after growth", *tables.values())
    servers.empty_logs()


def measure_reads(figures, database, large):
    """Products and pages from both."""
    page = BASE_ORDERS * 9 // 100
    sides = []
    for name, one in (("small", database), ("large", large)):
        for read, path in [("product", None)] + reads.paths(one, page):
            sides.append(((read, page, CLIENTS, name), lambda one=one, path=path: reads.read(one, path)))
    for read, path in reads.paths(large, 9000)[1:]:
        sides.append(((read, 9000, CLIENTS, "large"), lambda path=path: reads.read(large, path)))
    reads.measure_all(figures, "d", sides)


def report(figures):
    """Part d as Markdown."""
    rows = []
    for operation in OPERATIONS:
        for label in LABELS:
            small, large = (("d", operation, "uniform", CLIENTS, label + " " + name) for name in ("small", "large"))
            rows.append((orders.TITLES[operation] + ", " + {"rest": "REST"}.get(label, label), figures, small, large))
    page = BASE_ORDERS * 9 // 100
    for name, title in reads.TITLES.items():
        small, large = (("d", name, page, CLIENTS, side) for side in ("small", "large"))
        rows.append((title % page if "%d" in title else title, figures, small, large))
    for name in ("number", "cursor"):
        rows.append((reads.TITLES[name] % 9000, figures, None, ("d", name, 9000, CLIENTS, "large")))
    return table("d. Growth, 64 clients: %d orders against %d" % (GROWTH_ORDERS, BASE_ORDERS), (
        "figure", "large / small", "small, 1/s", "large, 1/s"), [line(*row) for row in rows])


def line(title, figures, small, large):
    """A row of the table."""
    return (title, percent(figures.ratio(large, small)) if small else "-",
            per_second(figures.median(*small)) if small else "-", per_second(figures.median(*large)))
