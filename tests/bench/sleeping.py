"""Replays a trace over real sockets with a compiler that sleeps: two workers of four slots, a first build and a second.

    scripts/bench sleeping [--trace FILE] [--seconds BEST_POSSIBLE] [--json FILE]

Every step is a compile of a small file of its own that takes as long as the trace says, scaled so that eight slots
need BEST_POSSIBLE seconds (default 20).  The rest is real: the programs, CURVE, private views, digests, records.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile

from sleeping_project import SleepingProject, make_compiler
from workers import EXTFARM, Workers, last_build

HERE = os.path.dirname(os.path.abspath(__file__))
WORKERS, SLOTS = 2, 4


def build(project, workers, *options):
    command = [EXTFARM, "build", "--manifest", "manifest.json", "--local", "0", "--no-store", *options]
    done = subprocess.run(command, cwd=project.folder, env={**os.environ, **workers.variables}, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"sleeping: the build failed\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    project.check()
    return last_build(project.folder), [line for line in done.stderr.splitlines() if "efficiency" in line]


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--trace", default=os.path.join(HERE, "traces", "cython.json"))
    options.add_argument("--seconds", type=float, default=20)
    options.add_argument("--json")
    chosen = options.parse_args()
    make_compiler()
    with open(chosen.trace, encoding="utf-8") as file:
        steps = json.load(file)["steps"]
    scale = chosen.seconds * WORKERS * SLOTS / sum(step[1] for step in steps)
    rows = []
    with tempfile.TemporaryDirectory(prefix="extfarm-bench-") as folder:
        project = SleepingProject(os.path.join(folder, "project"), os.path.join(folder, "tools"), steps, scale)
        with Workers(folder, WORKERS, SLOTS, (project.tools, "/usr"), scratch=os.path.join(folder, "scratch")) as workers:
            for name, extra in (("first build", ()), ("second build", ("--force",))):
                told, lines = build(project, workers, *extra)
                print(f"{name}: {len(steps)} steps, efficiency {told['efficiency']:.3f}", *lines, sep="\n  ", flush=True)
                rows.append({"build": name, "efficiency": told["efficiency"], "seconds": told["seconds"],
                             "slot_seconds": told["slot_seconds"]})
    if chosen.json:
        with open(chosen.json, "w", encoding="utf-8") as out:
            json.dump({"benchmark": "sleeping", "rows": rows}, out, indent=1)


if __name__ == "__main__":
    main()
