"""Runs commands and says what they took.  Knows nothing of what is compared."""

import json
import os
import signal
import statistics
import subprocess
import sys
import time


class Sample:
    """One run: seconds on the wall, seconds of processor time with all children, peak of the largest process."""

    def __init__(self, wall, cpu, peak_mib):
        self.wall, self.cpu, self.peak_mib = wall, cpu, peak_mib


def end_daemons_on_term():
    """TERM ends this program as an exception does: through its contexts, which end what they have started."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


def run(command, folder, log=None, **variables):
    """Raises RuntimeError, with the output's end, when the command fails."""
    environment = {**os.environ, "LC_ALL": "C.UTF-8", **variables}
    path = log or os.path.join(folder, "bench.log")
    with open(path, "w", encoding="utf-8") as out:
        began = time.perf_counter()
        process = subprocess.Popen(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=out,
                                   stderr=subprocess.STDOUT)
        try:
            _, status, used = os.wait4(process.pid, 0)
        except BaseException:
            process.terminate()
            raise
        wall = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        with open(path, encoding="utf-8", errors="replace") as text:
            raise RuntimeError(f"{' '.join(command)} in {folder}: exit code {process.returncode}\n{text.read()[-2000:]}")
    return Sample(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def alternating(rounds, prepare, first, second):
    """Two (name, function that returns a Sample) in turn, in changing order, each round after prepare(round)."""
    samples = {first[0]: [], second[0]: []}
    for number in range(rounds):
        prepare(number)
        for name, function in (first, second) if number % 2 else (second, first):
            samples[name].append(function())
    return samples


def medians(samples):
    return {name: {"wall_seconds": statistics.median(s.wall for s in taken),
                   "cpu_seconds": statistics.median(s.cpu for s in taken),
                   "peak_mib": max(s.peak_mib for s in taken), "rounds": len(taken)}
            for name, taken in samples.items()}


class Table:
    """Rows of medians, printed as they come; the ratio is the first column's time over the second's."""

    def __init__(self):
        self.rows = []

    def add(self, what, samples):
        found = medians(samples)
        (first, ours), (second, theirs) = found.items()
        row = {"what": what, **found, "wall_ratio": ours["wall_seconds"] / theirs["wall_seconds"],
               "cpu_ratio": ours["cpu_seconds"] / theirs["cpu_seconds"]}
        self.rows.append(row)
        print(f"{what}\n    {first:32} {ours['wall_seconds']:8.3f} s  cpu {ours['cpu_seconds']:8.3f} s\n"
              f"    {second:32} {theirs['wall_seconds']:8.3f} s  cpu {theirs['cpu_seconds']:8.3f} s\n"
              f"    ratio {row['wall_ratio']:5.2f}   cpu {row['cpu_ratio']:5.2f}", flush=True)

    def write(self, path, **about):
        with open(path, "w", encoding="utf-8") as out:
            json.dump({"schema": 1, **about, "rows": self.rows}, out, indent=1)
        print(f"written: {path}", file=sys.stderr)
