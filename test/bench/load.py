"""Load: one measurement by pgbench or by wrk."""
import json
import os
import re
import subprocess

from setting import ENV, HERE, PGBIN, PRODUCTS, SECONDS, WARM_UP, WORK

TICK = os.sysconf("SC_CLK_TCK")


class Result:
    """What one measurement gave: rate a second, acknowledged in all, at most how many more were on the way."""

    def __init__(self, rate, count, in_flight=0, **more):
        self.rate, self.count, self.in_flight, self.more = rate, count, in_flight, more

    def scaled(self, factor):
        """The same in units of which each call carries several."""
        return Result(self.rate * factor, self.count * factor, self.in_flight * factor, **self.more)


def pgbench(database, script, clients, variables=None):
    """Runs a pgbench script; transactions a second after the warm-up."""
    path = os.path.join(WORK, "script.sql")
    with open(path, "w") as file:
        file.write(script)
    command = [os.path.join(PGBIN, "pgbench"), "-n", "-M", "prepared",
               "-c", str(clients), "-j", str(min(2, clients)), "-T", str(WARM_UP + SECONDS),
               "-P", "1", "-f", path]
    for name, value in (variables or {}).items():
        command += ["-D", "%s=%s" % (name, value)]
    done = subprocess.run(command + [database.conninfo], env=ENV, text=True, timeout=SECONDS + 120,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    count = re.search(r"transactions actually processed: (\d+)", done.stdout)
    if done.returncode or not count:
        raise LoadFailed("pgbench: " + "\n".join(
            line for line in done.stderr.splitlines() if "error" in line.lower())[:600])
    overall = re.search(r"^tps = ([\d.]+)", done.stdout, re.MULTILINE)
    return Result(steady_rate(done.stderr) if WARM_UP else float(overall[1]), int(count[1]))


def steady_rate(progress):
    """The mean rate of pgbench's progress lines, without the warm-up."""
    lines = [(float(at), float(rate)) for at, rate in
             re.findall(r"^progress: ([\d.]+) s, ([\d.]+) tps", progress, re.MULTILINE)]
    done = sum(rate * (at - before) for (at, rate), (before, _) in zip(lines[WARM_UP:], lines[WARM_UP - 1:]))
    return done / (lines[-1][0] - lines[WARM_UP - 1][0])


class LoadFailed(Exception):
    """A load that was refused or broken off."""


def cpu_seconds(pid):
    """Processor time that a process has taken."""
    with open("/proc/%d/stat" % pid) as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def rest(database, connections, mode, **environment):
    """Runs wrk against the omsd of a database, and waits until that has done what wrk no longer waited for."""
    try:
        return wrk(database.url, connections, mode, database.pid, token=database.token(), products=PRODUCTS, **environment)
    finally:
        database.settle()


def wrk(url, connections, mode, pid, **environment):
    """Runs wrk with rest.lua in a mode; requests a second, and processor time of pid for each."""
    env = dict(ENV, BENCH_MODE=mode, **{"BENCH_" + k.upper(): str(v) for k, v in environment.items()})
    command = ["wrk", "-t", "1", "-c", str(connections), "-d", "%ds" % SECONDS, "--timeout", "20s",
               "-s", os.path.join(HERE, "rest.lua"), url]
    before = cpu_seconds(pid)
    done = subprocess.run(command, env=env, text=True, timeout=SECONDS + 60,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    after = cpu_seconds(pid)
    if done.returncode:
        raise LoadFailed("wrk: " + done.stdout.strip()[-600:])
    told = json.loads(done.stdout.strip().splitlines()[-1])
    if told["refused"] or told["broken"] or not told["requests"]:
        raise LoadFailed("%d of %d requests were refused, %d broke off (%s)" % (
            told["refused"], told["requests"], told["broken"], mode))
    count = told["pairs"] if mode == "both" else told["requests"]
    return Result(count / told["seconds"], count, connections, p50_ms=told["p50_ms"], p99_ms=told["p99_ms"],
                  cpu_us=(after - before) / told["requests"] * 1e6)
