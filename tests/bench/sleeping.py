"""Replays a trace over real sockets with a compiler that sleeps: two workers of four slots, a first build and a second.

    scripts/bench sleeping [--trace FILE] [--seconds BEST_POSSIBLE] [--json FILE]

Every step is a compile of a small file of its own that takes as long as the trace says, scaled so that eight slots
need BEST_POSSIBLE seconds (default 20).  The rest is real: the programs, CURVE, private views, digests, records.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile

from workers import EXTFARM, PROGRAMS, Workers, last_build

HERE = os.path.dirname(os.path.abspath(__file__))
SLEEPING_COMPILER = os.path.join(os.path.dirname(PROGRAMS), "tests", "bin", "sleeping_compiler")
WORKERS, SLOTS = 2, 4


class Project:
    def __init__(self, folder, steps, scale):
        self.folder, self.tools = os.path.join(folder, "project"), os.path.join(folder, "tools")
        self.home = os.path.join(folder, "home")
        self.environment = {**os.environ, "HOME": self.home, "EXTFARM_RENDEZVOUS": os.path.join(folder, "workers")}
        for path in (self.folder, self.home, os.path.join(self.tools, "recording")):
            os.makedirs(path)
        shutil.copy(SLEEPING_COMPILER, os.path.join(self.tools, "gcc"))
        actions = []
        for number, (_, seconds, guess, _, after) in enumerate(steps):
            # The size that makes extfarm guess, without history, what it guessed of the recorded step.
            size = max(0, int((guess * scale - 0.05) / 8 * (1 << 20)))
            with open(os.path.join(self.folder, f"s{number}.c"), "w", encoding="utf-8") as out:
                out.write(f"int s{number};\n//" + "x" * size + "\n")
            actions.append({"argv": [os.path.join(self.tools, "gcc"), "-c", f"s{number}.c", "-o", f"s{number}.o"],
                            "inputs": [f"s{number}.c"] + [f"s{a}.o" for a in after], "outputs": [f"s{number}.o"]})
        with open(os.path.join(self.folder, "manifest.json"), "w", encoding="utf-8") as out:
            json.dump({"schema": 1, "actions": actions}, out)
        self.record(actions, [seconds * scale for _, seconds, *_ in steps])

    def record(self, actions, seconds):
        """Lets the compiler see each compile once, and tells it how long it takes."""
        recording, known = os.path.join(self.tools, "recording"), set()
        for action, length in zip(actions, seconds):
            subprocess.run(action["argv"], cwd=self.folder, check=True)
            fresh = {name for name in os.listdir(recording) if name.endswith(".seconds")} - known
            known |= fresh
            (name,) = fresh
            with open(os.path.join(recording, name), "w", encoding="utf-8") as out:
                out.write(f"{length:.4f}")
            os.remove(os.path.join(self.folder, action["argv"][-1]))

    def build(self, *options):
        command = [EXTFARM, "build", "--manifest", "manifest.json", "--local", "0",
                   "--no-store", *options]
        done = subprocess.run(command, cwd=self.folder, env=self.environment, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"sleeping: the build failed\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        return last_build(self.folder), [line for line in done.stderr.splitlines() if "efficiency" in line]


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--trace", default=os.path.join(HERE, "traces", "cython.json"))
    options.add_argument("--seconds", type=float, default=20)
    options.add_argument("--json")
    chosen = options.parse_args()
    subprocess.run(["cmake", "--build", os.path.dirname(PROGRAMS), "--target", "sleeping_compiler"], check=True,
                   stdout=subprocess.DEVNULL)
    with open(chosen.trace, encoding="utf-8") as file:
        steps = json.load(file)["steps"]
    scale = chosen.seconds * WORKERS * SLOTS / sum(step[1] for step in steps)
    rows = []
    with tempfile.TemporaryDirectory(prefix="extfarm-bench-") as folder:
        project = Project(folder, steps, scale)
        with Workers(folder, WORKERS, SLOTS, (project.tools, "/usr"), scratch=project.home):
            for name, extra in (("first build", ()), ("second build", ("--force",))):
                told, lines = project.build(*extra)
                print(f"{name}: {len(steps)} steps, efficiency {told['efficiency']:.3f}", *lines, sep="\n  ", flush=True)
                rows.append({"build": name, "efficiency": told["efficiency"], "seconds": told["seconds"],
                             "slot_seconds": told["slot_seconds"]})
    if chosen.json:
        with open(chosen.json, "w", encoding="utf-8") as out:
            json.dump({"benchmark": "sleeping", "rows": rows}, out, indent=1)


if __name__ == "__main__":
    main()
