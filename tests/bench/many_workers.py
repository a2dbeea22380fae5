"""A large lab on one machine: many real workers, one coordinator, real sockets, tiny steps.

    scripts/bench many_workers [--workers 200] [--slots 2] [--actions 3000] [--descriptors N] [--json FILE]

Each worker is a process with slots, scratch folder and key of its own, on loopback.  The compiler takes a millisecond,
so what is measured is what extfarm adds: a build, then ten seconds in which a coordinator is connected to all of them
and has nothing to do.  Every object's bytes are compared with what the compiler makes of its source.  All of it shares
this machine's processors, so actions/s say what the machine bears and not what such a lab would.  --descriptors limits
(softly) what the coordinator may have open.  It fails when a worker does not join.
"""

import argparse
import json
import os
import sys
import tempfile
import threading
import time

import compile_graph
from growth import make_compiler
from measuring import end_daemons_on_term, run
from workers import EXTFARM, Workers, last_build, learn_compiler

AWAIT_WORKERS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "await_workers.py")
IDLE_SECONDS, JOINED_WITHIN_SECONDS = 10, 120
HEADERS_EACH, HEADERS = 10, 100


def cpu_seconds(pids):
    """Of processes, with the children that have ended."""
    ticks = 0
    for pid in pids:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            ticks += sum(map(int, file.read().rpartition(")")[2].split()[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def memory_mib(pids):
    """What they hold together, shared pages once."""
    kib = 0
    for pid in pids:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
            kib += sum(int(line.split()[1]) for line in file if line.startswith("Pss:"))
    return kib / 1024


class MostDescriptors:
    """How many the coordinator of a project had open at most, looked at every 50 ms."""

    def __init__(self, folder):
        self._folder, self._ended, self.most = folder, threading.Event(), 0
        self._thread = threading.Thread(target=self._look)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._ended.set()
        self._thread.join()

    def _look(self):
        while not self._ended.wait(0.05):
            for name in os.listdir("/proc"):
                try:
                    if (name.isdigit() and os.readlink(f"/proc/{name}/cwd") == self._folder
                            and os.readlink(f"/proc/{name}/exe") == os.path.realpath(EXTFARM)):
                        self.most = max(self.most, len(os.listdir(f"/proc/{name}/fd")))
                except OSError:  # it has ended
                    continue


def limited(command, descriptors):
    return command if descriptors is None else ("prlimit", f"--nofile={descriptors}:", *command)


def check_objects(folder, count):
    for number in range(count):
        with open(os.path.join(folder, f"src/s{number}.c"), "rb") as source, \
                open(os.path.join(folder, f"obj/s{number}.o"), "rb") as made:
            if source.read() != made.read():
                raise RuntimeError(f"obj/s{number}.o has not the bytes of its compile")


def measure_build(project, workers, options):
    before = cpu_seconds(workers.pids)
    command = (EXTFARM, "build", "--manifest", "manifest.json", "--local", "0", "--no-store", "-q")
    with MostDescriptors(project) as descriptors:
        sample = run(limited(command, options.descriptors), project, **workers.variables)
    told = last_build(project, options.actions)
    check_objects(project, options.actions)
    joined = sorted(worker["joined_seconds"] for worker in told["workers"])
    return {"actions_per_second": options.actions / told["seconds"]["wall"], "wall_seconds": told["seconds"]["wall"],
            "coordinator_cpu_us_per_action": 1e6 * told["coordinator_cpu_seconds"] / options.actions,
            "workers_cpu_ms_per_action": 1e3 * (cpu_seconds(workers.pids) - before) / options.actions,
            "coordinator_peak_mib": sample.peak_mib, "coordinator_descriptors": descriptors.most, "joined": len(joined),
            "half_joined_seconds": joined[len(joined) // 2], "all_joined_seconds": joined[-1],
            "workers_that_built": sum(worker["actions"] > 0 for worker in told["workers"]),
            "retried": told["actions"]["retried"], "dispatch_ms": told["dispatch_ms"]}


def connect_and_wait(project, workers, options, seconds):
    """Processor seconds of (the coordinator, all workers) for joining them all and so long after it; when all had joined."""
    before = cpu_seconds(workers.pids)
    wait = f"{sys.executable} {AWAIT_WORKERS} {options.workers} {JOINED_WITHIN_SECONDS} && sleep {seconds}"
    run(limited((EXTFARM, "run", "--local", "0", "--no-store", "-q", "--", "sh", "-c", wait), options.descriptors), project,
        **workers.variables)
    told = last_build(project)
    return told["coordinator_cpu_seconds"], cpu_seconds(workers.pids) - before, [w["joined_seconds"] for w in told["workers"]]


def measure_idle(project, workers, options):
    joining, workers_joining, joined = connect_and_wait(project, workers, options, 0)
    both, workers_both, _ = connect_and_wait(project, workers, options, IDLE_SECONDS)
    return {"joined": len(joined), "all_joined_seconds": max(joined), "joining_cpu_ms_each": 1e3 * joining / options.workers,
            "coordinator_cpu_percent": 100 * (both - joining) / IDLE_SECONDS,
            "worker_cpu_percent_each": 100 * (workers_both - workers_joining) / IDLE_SECONDS / options.workers}


def main():
    reader = argparse.ArgumentParser(prog="scripts/bench many_workers", description=__doc__.splitlines()[0])
    reader.add_argument("--workers", type=int, default=200)
    reader.add_argument("--slots", type=int, default=2, help="of each")
    reader.add_argument("--actions", type=int, default=3000)
    reader.add_argument("--descriptors", type=int)
    reader.add_argument("--json")
    options = reader.parse_args()
    end_daemons_on_term()
    with tempfile.TemporaryDirectory(prefix="extfarm-bench-") as folder:
        tools, project = make_compiler(folder), os.path.join(folder, "project")
        os.makedirs(project)
        compile_graph.write(project, options.actions, HEADERS_EACH, HEADERS, tools + "/gcc")
        known = learn_compiler(folder, tools + "/gcc")
        began = time.monotonic()
        with Workers(folder, options.workers, options.slots, (tools, "/usr"), scratch=os.path.join(folder, "scratch"),
                     log=os.path.join(folder, "workers.log"), own_keys=True, tools=known) as workers:
            found = {"workers": options.workers, "slots_each": options.slots, "actions": options.actions,
                     "announced_seconds": time.monotonic() - began, "workers_mib": memory_mib(workers.pids)}
            print(f"{options.workers} workers of {options.slots} slots announced within {found['announced_seconds']:.1f} s, "
                  f"{found['workers_mib']:.0f} MiB together", flush=True)
            found["build"] = build = measure_build(project, workers, options)
            print(f"build: {build['actions_per_second']:.0f} actions/s ({build['wall_seconds']:.1f} s), coordinator "
                  f"{build['coordinator_cpu_us_per_action']:.0f} µs an action, {build['coordinator_peak_mib']:.0f} MiB, "
                  f"{build['coordinator_descriptors']} descriptors; workers {build['workers_cpu_ms_per_action']:.1f} ms an action; "
                  f"{build['joined']} joined, half within {build['half_joined_seconds']:.2f} s, all within "
                  f"{build['all_joined_seconds']:.2f} s; {build['workers_that_built']} built, {build['retried']} retried; "
                  f"every object is right", flush=True)
            found["workers_mib_after"] = memory_mib(workers.pids)
            found["idle"] = idle = measure_idle(project, workers, options)
            print(f"idle: all joined within {idle['all_joined_seconds']:.2f} s for {idle['joining_cpu_ms_each']:.2f} ms of the "
                  f"coordinator each; then coordinator {idle['coordinator_cpu_percent']:.2f} % of a processor, a worker "
                  f"{idle['worker_cpu_percent_each']:.3f} %; workers hold {found['workers_mib_after']:.0f} MiB", flush=True)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as out:
            json.dump({"benchmark": "many_workers", "rows": [found]}, out, indent=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
