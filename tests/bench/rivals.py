"""extfarm beside make, ninja, distcc and icecream: the same recorded builds with the same sleeping compiler.

    scripts/bench rivals [--slots 8,64] [--only NAME,…] [--trace FILE…] [--seconds BEST_POSSIBLE]
                         [--jobs-times 2] [--json FILE]

The farm is one submitting host and others, of four slots each (8 slots) or eight (64); processes on this machine stand
for them, and the compiler sleeps in place of their cores.  make and ninja have all slots on one host.  distcc and
icecream take compiles only: what was a transpile or a link when the build was recorded runs on the submitting host, of
which the compiler takes so many at a time as it has slots, whoever starts it.  Times are multiplied so that the best
possible wall time is BEST_POSSIBLE (default: 60, but not more than was recorded).  A ratio is best possible / wall of
the whole command, starting and ending included; what extfarm has to know of a compiler (a second for each host, once for
each project) it knows.  No daemon lowers the priority of its compiles, as all of them do by themselves.
"""

import argparse
import glob
import json
import os
import sys
import tempfile

import other_farms
import sage_like
from measuring import end_daemons_on_term, run
from sleeping_project import SleepingProject, best_possible, make_compiler
from workers import EXTFARM, PROGRAMS, Workers, last_build, learn_compiler

HERE = os.path.dirname(os.path.abspath(__file__))
HOST_SLOTS = {8: 4, 64: 8}  # of each host, by slots of the farm
LONG_ENOUGH_SECONDS = 60
MAKE = ("make", "-r", "-R", "--no-print-directory")


class Ground:
    """Where one build is repeated by everybody: a project, and a farm's shape."""

    def __init__(self, folder, steps, slots, scale, farm_jobs):
        self.folder, self.slots, self.farm_jobs = folder, slots, farm_jobs
        self.host_slots = HOST_SLOTS.get(slots, min(8, slots // 2))
        self.hosts = slots // self.host_slots
        self.project = SleepingProject(os.path.join(folder, "project"), os.path.join(folder, "tools"), steps, scale)
        os.chmod(folder, 0o755)  # distccd compiles as a user of its own
        self._cores = os.path.join(folder, "cores")
        os.mkfifo(self._cores)

    def build(self, *command, **variables):
        """Wall and processor seconds of a build from scratch whose objects are right."""
        self.project.clean()
        sample = run(command, self.project.folder, os.path.join(self.folder, "build.log"), **variables)
        self.project.check()
        return sample

    def build_with_few_cores_here(self, *command, **variables):
        held = os.open(self._cores, os.O_RDWR)  # lets go of what a killed build before has taken
        try:
            os.write(held, b"c" * self.host_slots)
            return self.build(*command, SLEEPING_CORES=self._cores, **variables)
        finally:
            os.close(held)

    def farm_folder(self, name):
        path = os.path.join(self.folder, name)
        os.makedirs(path)
        os.chmod(path, 0o777)
        return path


def by_make(ground):
    yield "make -jN", ground.build(*MAKE, f"-j{ground.slots}")


def by_ninja(ground):
    yield "ninja -jN", ground.build("ninja", "--quiet", f"-j{ground.slots}")


def _workers(ground, name):
    folder = ground.farm_folder(name)
    return Workers(folder, ground.hosts, ground.host_slots, (ground.project.tools, "/usr"), scratch=os.path.join(folder, "scratch"),
                   tools=learn_compiler(folder, ground.project.gcc), nice=0)


def by_extfarm(ground):
    with _workers(ground, "extfarm") as workers:
        command = (EXTFARM, "build", "--manifest", "manifest.json", "--local", "0", "--no-store", "-q")
        for name, options in (("extfarm, first build", ()), ("extfarm, history", ("--force",))):
            yield name, ground.build(*command, *options, **workers.variables)
            last_build(ground.project.folder, len(ground.project.steps))


def by_extfarm_cc(ground):
    launcher = f"CC={os.path.join(PROGRAMS, 'extfarm-cc')} {ground.project.gcc}"
    with _workers(ground, "extfarm-cc") as workers:
        command = (EXTFARM, "run", "--local", "0", "--jobs", "auto", "--no-store", "-q")
        make = (*MAKE, launcher, launcher.replace("CC=", "HERE=", 1))
        for name, options in (("extfarm-cc, first build", ()), ("extfarm-cc, history", ("--force",))):
            yield name, ground.build(*command, *options, "--", *make, **workers.variables)
            last_build(ground.project.folder, len(ground.project.steps))


def _by_make_on(farm_class, ground, **variables):
    with farm_class(ground.farm_folder(farm_class.name), ground.hosts - 1, ground.host_slots, ground.host_slots) as farm:
        command = (*farm.within, *MAKE, f"-j{ground.farm_jobs}", f"CC={' '.join(farm.command)} {ground.project.gcc}")
        sample = ground.build_with_few_cores_here(*command, **farm.variables, **variables)
        sample.elsewhere = farm.compiles_elsewhere()
        if sample.elsewhere == 0:
            raise RuntimeError("not one compile was done by another host")
        return sample


def by_distcc(ground):
    yield "distcc", _by_make_on(other_farms.Distcc, ground)


def by_icecream(ground):
    packed = os.path.join(ground.folder, "icecream-gcc.tar.gz")
    other_farms.pack_compiler(ground.project.gcc, packed)
    sample = _by_make_on(other_farms.Icecream, ground, ICECC_VERSION=packed)
    with open(os.path.join(ground.folder, "build.log"), encoding="utf-8", errors="replace") as log:
        trouble = [line for line in log if "got exception" in line]
    if trouble:  # that client has compiled by itself
        raise RuntimeError(f"{len(trouble)} of its compiles came back to the submitting host, such as: {trouble[0].strip()}")
    yield "icecream", sample


# Name: (who builds, why it cannot or None).
RIVALS = {"extfarm": (by_extfarm, lambda: None), "extfarm-cc": (by_extfarm_cc, lambda: None),
          "make": (by_make, lambda: None), "ninja": (by_ninja, lambda: None),
          "distcc": (by_distcc, other_farms.Distcc.why_not), "icecream": (by_icecream, other_farms.Icecream.why_not)}


class Rows:
    def __init__(self):
        self.rows, self.left_out = [], []

    def add(self, about, name, sample):
        row = {**about, "by": name, "wall_seconds": sample.wall, "cpu_seconds": sample.cpu,
               "ratio": about["best_possible_seconds"] / sample.wall}
        elsewhere = getattr(sample, "elsewhere", None)
        row |= {} if elsewhere is None else {"compiles_elsewhere": elsewhere}
        self.rows.append(row)
        print(f"  {name:24} {sample.wall:8.2f} s   ratio {row['ratio']:.3f}   cpu {sample.cpu:7.2f} s"
              + ("" if elsewhere is None else f"   {elsewhere} compiles on other hosts"), flush=True)

    def leave_out(self, about, name, reason):
        self.left_out.append({**about, "by": name, "reason": reason})
        print(f"  {name:24} NOT MEASURED: {reason}", flush=True)


def compare(trace, slots, options, names, rows):
    steps = trace["steps"]
    recorded = best_possible(steps, slots)
    scale = (options.seconds or min(recorded, LONG_ENOUGH_SECONDS)) / recorded
    best = best_possible(steps, slots, scale)
    for name in names:
        with tempfile.TemporaryDirectory(prefix="extfarm-bench-") as folder:
            ground = Ground(folder, steps, slots, scale, round(options.jobs_times * slots))
            local = sum(step.seconds for step in ground.project.steps if not step.is_compile) / ground.host_slots
            about = {"trace": trace["name"], "slots": slots, "hosts": ground.hosts, "scale": scale,
                     "best_possible_seconds": best, "local_only_seconds": local, "farm_jobs": ground.farm_jobs}
            if name == names[0]:
                print(f"{trace['name']}, {len(steps)} steps, times × {scale:.3f}, {slots} slots on {ground.hosts} hosts: best possible "
                      f"{best:.2f} s; what is no compile takes one host {local:.2f} s", flush=True)
            builds, why_not = RIVALS[name]
            reason = why_not()
            if reason is None:
                try:
                    for label, sample in builds(ground):
                        rows.add(about, label, sample)
                except RuntimeError as error:
                    reason = str(error)
            if reason is not None:
                rows.leave_out(about, name, reason)


def main():
    reader = argparse.ArgumentParser(prog="scripts/bench rivals", description=__doc__.splitlines()[0])
    reader.add_argument("--slots", default="8,64", help="comma-separated")
    reader.add_argument("--only", default=",".join(RIVALS), help="comma-separated, of " + ", ".join(RIVALS))
    reader.add_argument("--trace", action="append", help="default: those of tests/bench/traces and sage_like.py's")
    reader.add_argument("--seconds", type=float)
    reader.add_argument("--jobs-times", type=float, default=1, help="make -j with distcc and icecream, in times the slots")
    reader.add_argument("--json")
    options = reader.parse_args()
    names = options.only.split(",")
    if unknown := [name for name in names if name not in RIVALS]:
        reader.error(f"no rival {unknown[0]}; there are {', '.join(RIVALS)}")
    end_daemons_on_term()
    make_compiler()
    traces = []
    for path in options.trace or sorted(glob.glob(os.path.join(HERE, "traces", "*.json"))):
        with open(path, encoding="utf-8") as file:
            traces.append(json.load(file))
    traces += [] if options.trace else [sage_like.generate()]
    rows = Rows()
    for trace in traces:
        for slots in map(int, options.slots.split(",")):
            compare(trace, slots, options, names, rows)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as out:
            json.dump({"benchmark": "rivals", "not_measured": rows.left_out, "rows": rows.rows}, out, indent=1)
    return 0 if rows.rows else 1


if __name__ == "__main__":
    sys.exit(main())
