"""What one worker holds after many builds: memory, descriptors, threads, children, scratch files.

    scripts/bench growth [--actions 100000] [--projects N] [--json FILE]

One worker serves one coordinator after the other.  Each builds new files in a new folder by a compiler that takes a
millisecond; every tenth build fails, and of every tenth the coordinator is killed half-way.  Exit code 1 when the
worker has grown in the last third of the actions: before, it fills its bounded memories of digests and contents.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import compile_graph
from process_figures import Growth, settled_figures
from workers import EXTFARM, Workers, last_build

HERE = os.path.dirname(os.path.abspath(__file__))
EACH = 100  # compiles a build
FAILING, KILLED, CYCLE = 3, 7, 10
# Silence after which a worker forgets a coordinator, and a little.
FORGOTTEN_AFTER_SECONDS = 20


class Builds:
    """One build after the other, each in a folder of its own.  `actions` and `killed` count."""

    def __init__(self, folder, workers, tools, variety):
        self._folder, self._tools, self._variety = folder, tools, variety
        self._environment = {**os.environ, **workers.variables}
        self._turn, self.actions, self.killed, self.failed = 0, 0, 0, 0

    def run_one(self):
        self._turn += 1
        which = self._turn % self._variety if self._variety else self._turn
        project = os.path.join(self._folder, f"project{which}")
        os.mkdir(project)
        compile_graph.write(project, EACH, 10, EACH, self._tools + "/gcc", seed=which)
        kind = self._turn % CYCLE
        if kind == FAILING:
            with open(os.path.join(project, "src", f"s{EACH // 2}.c"), "a", encoding="ascii") as out:
                out.write("#include <missing.h>\n")
        build = subprocess.Popen([EXTFARM, "build", "--manifest", "manifest.json", "--local", "0", "--no-store", "-q"],
                                 cwd=project, env=self._environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                 stderr=subprocess.PIPE, text=True)
        if kind == KILLED:
            self._kill_half_way(build, project)
        else:
            said = build.communicate()[1]
            self._check(build.returncode, kind == FAILING, said)
            self.actions += last_build(project)["actions"]["on_workers"]
        shutil.rmtree(project)

    def _kill_half_way(self, build, project):
        objects = os.path.join(project, "obj")
        while build.poll() is None and len(os.listdir(objects)) < EACH // 2:
            time.sleep(0.002)
        self.actions += len(os.listdir(objects))
        build.kill()
        build.communicate()
        self.killed += build.returncode == -signal.SIGKILL

    def _check(self, code, should_fail, said):
        if (code != 0) != should_fail:
            raise RuntimeError(f"build {self._turn}: exit code {code}\n{said}")
        self.failed += should_fail


def make_compiler(folder):
    tools = os.path.join(folder, "tools")
    os.makedirs(tools)
    subprocess.run(["gcc", "-O2", os.path.join(HERE, "quick_compiler.c"), "-o", tools + "/gcc"], check=True)
    return tools


def run(actions, samples, variety=None, warm_share=1 / 3, slots=2, tell=print):
    """(Growth, Builds) after that many actions.  `variety`: so many different projects; None: no two are the same."""
    with tempfile.TemporaryDirectory(prefix="extfarm-growth-") as folder:
        tools, scratch, log = make_compiler(folder), os.path.join(folder, "scratch"), os.path.join(folder, "worker.log")
        with Workers(folder, 1, slots, (tools, "/usr"), scratch=scratch, log=log) as workers:
            builds, growth = Builds(folder, workers, tools, variety), Growth(warm_share)
            while builds.actions < actions:
                builds.run_one()
                if builds.actions < actions * (len(growth.samples) + 1) / samples:
                    continue
                if not _all_forgotten(log):
                    growth.complaints.append("the worker still knows a coordinator that is gone")
                growth.add(builds.actions, settled_figures(workers.pids[0], scratch))
                tell(f"{builds.actions:7} actions: {growth.samples[-1][1]}")
        return growth, builds


def _all_forgotten(log):
    """Whether the worker lets go of every coordinator, also of those that were killed, within their time."""
    end = time.monotonic() + FORGOTTEN_AFTER_SECONDS
    while time.monotonic() < end:
        with open(log, encoding="utf-8") as file:
            text = file.read()
        if text.count("coordinator.joined") == text.count("coordinator.left"):
            return True
        time.sleep(0.2)
    return False


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--actions", type=int, default=100_000)
    options.add_argument("--projects", type=int, help="how many are different; default: all")
    options.add_argument("--json")
    chosen = options.parse_args()
    began = time.monotonic()
    growth, builds = run(chosen.actions, 30, chosen.projects, 2 / 3, tell=lambda line: print(line, flush=True))
    problems = growth.problems()
    print(f"{builds.actions} actions in {time.monotonic() - began:.0f} s, {builds.failed} builds failed as they should, "
          f"{builds.killed} coordinators killed; {growth}; {'; '.join(problems) or 'nothing grows'}")
    if chosen.json:
        with open(chosen.json, "w", encoding="utf-8") as out:
            json.dump({"benchmark": "growth", "samples": [{"actions": at, **figures.as_dict()} for at, figures in growth.samples],
                       "problems": problems}, out, indent=1)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
