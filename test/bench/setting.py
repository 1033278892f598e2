"""Settings of a run, from the environment, and the places of things."""
import math
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.abspath(os.path.join(HERE, "..", ".."))
BUILD = os.path.join(ROOT, ".build")
PGBIN = os.path.join(BUILD, "pg.bin")
WORK = os.path.join(BUILD, "bench")

PRODUCTS = 10_000       # orders take one from each third of them
BASE_ORDERS = 10_000    # in the tables before each series
PAGE_ORDERS = 100_000   # before the reads, so that there is a page 9000

# settings of the servers under test by their names, not by this environment
ENV = {k: v for k, v in os.environ.items() if not k.startswith(("OMS_", "PG"))}


def number(name, standard, least):
    """A number from the environment."""
    text = os.environ.get(name, standard)
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not value >= least:
        sys.exit("bench: %s is '%s': give a number from %s" % (name, text, least))
    return value


SECONDS = number("BENCH_SECONDS", "2", 0)
SMOKE = SECONDS < 1     # shows that the tool works, and no more
SECONDS = max(1, math.ceil(SECONDS))
WARM_UP = 0 if SMOKE else 1     # seconds in which pgbench's new backends fill their caches; not counted
RUNS = int(number("BENCH_RUNS", "3", 1))
GROWTH_ORDERS = int(number("BENCH_GROWTH_ORDERS", "1000000", 91_000))
FIRST_PORT = int(number("BENCH_PORT", "21600", 1024))
PARTS = [p.strip() for p in os.environ.get("BENCH_ONLY", "a,b,c,d,e").split(",")]
if os.environ.get("BENCH_GROWTH", "1") == "0" and "d" in PARTS:
    PARTS.remove("d")
if not PARTS or set(PARTS) - set("abcde"):
    sys.exit("bench: BENCH_ONLY is '%s': give some of a,b,c,d,e" % os.environ.get("BENCH_ONLY"))


def say(text, *args):
    """Tells what is going on."""
    print("bench: " + text % args, file=sys.stderr, flush=True)
