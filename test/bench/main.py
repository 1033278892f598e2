"""Benchmarks of oms, as ratios to floors measured in the same run. See run."""
import json
import os
import signal
import sys
import time

import features
import growth
import orders
import reads
from figure import Figures
from load import pgbench
from server import Servers
from setting import PARTS, RUNS, SECONDS, WORK, say
from tables import Tables

# part: what measures it, what reports it
MEASURES = {
    "a": (orders.measure, orders.report), "b": (reads.measure, reads.report),
    "c": (reads.measure_cost, reads.report_cost), "d": (growth.measure, growth.report),
    "e": (features.measure, features.report),
}
SHOWN = ("shared_buffers", "fsync", "synchronous_commit", "full_page_writes", "wal_compression", "max_wal_size",
         "checkpoint_timeout", "max_connections", "autovacuum", "jit")


def machine(database):
    """The state of the machine, which figures depend on."""
    load = os.getloadavg()
    database.sql("CREATE SCHEMA probe; CREATE TABLE probe.row (id bigint)")
    commits = pgbench(database, "INSERT INTO probe.row VALUES (1);\n", 1).rate
    return {
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "processors": len(os.sched_getaffinity(0)),
        "load_average": [round(one, 2) for one in load],
        "kernel": os.uname().release,
        "postgresql": database.sql("SHOW server_version"),
        "settings": {name: database.sql("SHOW " + name) for name in SHOWN},
        "commits_per_second": round(commits),
    }


def describe(state):
    """The state of the machine as Markdown."""
    return "\n".join([
        "## oms, measured %s" % state["time"], "",
        "%d processors, load average before %s, after %s; kernel %s; PostgreSQL %s; %d single-row commits a second by one client." % (
            state["processors"], " ".join(map(str, state["load_average"])), " ".join(map(str, state["load_average_after"])),
            state["kernel"], state["postgresql"], state["commits_per_second"]),
        "Settings: " + ", ".join("%s %s" % item for item in state["settings"].items()) + ".",
        "Each figure: median of %d runs of %d s, sides in turn, CHECKPOINT before each. Ratios are medians of the runs' ratios. "
        "The worker is paused; the access log is on." % (RUNS, SECONDS)])


def run(servers, figures):
    """Measures all parts; the state of the machine."""
    database = servers.start()
    Tables(database, "oms").reset()
    state = machine(database)
    if state["load_average"][0] > state["processors"] / 2:
        say("the machine is busy (load average %.1f): figures will vary", state["load_average"][0])
    for part in PARTS:
        began = time.monotonic()
        MEASURES[part][0](figures, servers, database)
        say("part %s took %.0f s", part, time.monotonic() - began)
    state["load_average_after"] = [round(one, 2) for one in os.getloadavg()]
    return state


def finish(figures, state):
    """Prints the tables, writes the JSON; whether all was correct."""
    print(describe(state))
    for part in PARTS:
        print(MEASURES[part][1](figures))
    if figures.failures:
        print("\nNOT CORRECT:\n" + "\n".join("- " + failure for failure in figures.failures))
    else:
        print("\ncorrect: %d loads, each acknowledged order and confirm counted in every table, stock conserved, "
              "oms.integrity empty" % Tables.loads)
    with open(os.path.join(WORK, "result.json"), "w") as file:
        json.dump({"machine": state, "seconds": SECONDS, "runs": RUNS, "correct": not figures.failures,
                   "failures": figures.failures, "figures": list(figures.records())}, file, indent=1)
    return not figures.failures


def main():
    """The exit status."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    began = time.monotonic()
    figures = Figures()
    servers = Servers()
    try:
        servers_state = run(servers, figures)
    finally:
        servers.remove()
    say("%.0f s in all", time.monotonic() - began)
    return 0 if finish(figures, servers_state) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
