"""Parts b and c: products and pages read over REST, and what omsd itself costs."""
from figure import decimal, per_second, percent, rounds, table
from load import LoadFailed, pgbench, rest, wrk
from setting import PAGE_ORDERS, PRODUCTS, say
from tables import Tables

DEPTH = 64
CONNECTIONS = 64
COLUMNS = "id, name, about, sku, price, created_at"

# what the floor does: prepared statements, 64 in a pipeline
PIPELINE = ("".join("\\set p%d random(1, %d)\n" % (n, PRODUCTS) for n in range(DEPTH)) + "\\startpipeline\n" +
            "".join("SELECT %s FROM oms.product WHERE id = :p%d;\n" % (COLUMNS, n) for n in range(DEPTH)) +
            "\\endpipeline\n")

TITLES = {
    "product": "GET a product", "first": "GET orders, first page", "number": "GET orders, page %d by number",
    "cursor": "GET orders, page %d by cursor",
}


def paths(database, page):
    """The pages of orders to read: label and path."""
    link = database.get("/api/v1/orders/?page=%d" % (page - 1))["next"]
    return [("first", "/api/v1/orders/"), ("number", "/api/v1/orders/?page=%d" % page),
            ("cursor", link[len(database.url):])]


def read(database, path):
    """One measurement of GET path; None is a random product."""
    database.sql("CHECKPOINT")
    return rest(database, CONNECTIONS, "path" if path else "product", path=path or "")


def measure_all(figures, part, sides):
    """Measures sides, (key, function), in turn."""
    for turn in rounds(sides):
        for key, run in turn:
            try:
                result = run()
                figures.add((part,) + key, result.rate, **result.more)
            except LoadFailed as error:
                figures.fail(" ".join(map(str, (part,) + key)), error)
    for key, _ in sides:
        say("%s: %s a second", " ".join(map(str, key)), per_second(figures.median(part, *key)))


def floor(database):
    """Prepared single-row SELECTs through a pipeline."""
    database.sql("CHECKPOINT")
    return pgbench(database, PIPELINE, 1).scaled(DEPTH)


def measure(figures, servers, database):
    """Part b."""
    Tables(database, "oms").reset(PAGE_ORDERS)
    page = PAGE_ORDERS * 9 // 100
    sides = [(("floor", page, DEPTH, "floor"), lambda: floor(database)),
             (("product", page, CONNECTIONS, "rest"), lambda: read(database, None))]
    for name, path in paths(database, page):
        sides.append(((name, page, CONNECTIONS, "rest"), lambda path=path: read(database, path)))
    measure_all(figures, "b", sides)
    servers.empty_logs()


def report(figures):
    """Part b as Markdown."""
    page = PAGE_ORDERS * 9 // 100
    base = ("b", "floor", page, DEPTH, "floor")
    rows = [("prepared SELECT of a product, pipeline of %d" % DEPTH, "100 %", per_second(figures.median(*base)), "-", "-")]
    for name, title in TITLES.items():
        key = ("b", name, page, CONNECTIONS, "rest")
        rows.append((title % page if "%d" in title else title, percent(figures.ratio(key, base)),
                     per_second(figures.median(*key)), decimal(figures.more("p99_ms", *key)),
                     decimal(figures.more("cpu_us", *key))))
    return table("b. Reads over REST, %d connections, %d orders" % (CONNECTIONS, PAGE_ORDERS), (
        "request", "/ floor", "1/s", "p99, ms", "omsd CPU, us/request"), rows)


def measure_cost(figures, servers, database):
    """Part c."""
    url, pid = servers.constant()
    Tables(database, "oms").reset()
    sides = [(("constant", "-", CONNECTIONS, "h2o"), lambda: wrk(url, CONNECTIONS, "path", pid, path="/")),
             (("healthz", "-", CONNECTIONS, "omsd"),
              lambda: wrk(database.url, CONNECTIONS, "path", database.pid, path="/healthz")),
             (("product", "-", CONNECTIONS, "omsd"), lambda: read(database, None))]
    measure_all(figures, "c", sides)
    servers.empty_logs()


def report_cost(figures):
    """Part c as Markdown."""
    rows = []
    names = (("constant", "h2o", "h2o answering a constant"), ("healthz", "omsd", "omsd, GET /healthz"),
             ("product", "omsd", "omsd, GET a product"))
    base = figures.more("cpu_us", "c", "constant", "-", CONNECTIONS, "h2o")
    for name, side, title in names:
        key = ("c", name, "-", CONNECTIONS, side)
        cost = figures.more("cpu_us", *key)
        rows.append((title, "%.1f x" % (cost / base) if cost and base else "-", decimal(cost), per_second(figures.median(*key))))
    return table("c. Processor time of the server process alone, %d connections" % CONNECTIONS, (
        "server", "/ constant", "us/request", "1/s"), rows)
