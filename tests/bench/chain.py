"""What a step adds when each waits for the one before it: nothing of it is hidden behind another.

    scripts/bench chain [--rounds 5] [--json FILE]

A chain of compiles of a millisecond, each with ten headers and an object of 20 kB, by `extfarm build` on a worker of this
machine, and the same commands one after another by themselves, in turn.  Chains of 50 and of 250 tell what each step takes
from what a build takes.  The parts of it are messages, the view (scripts/bench view), the way of the object into its place,
and the look at what is ready then; bench_efficiency's virtual hosts have such costs.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

import compile_graph
from growth import make_compiler
from measuring import end_daemons_on_term, run
from workers import EXTFARM, Workers, last_build, learn_compiler

SHORT, LONG = 50, 250
HEADERS_EACH, OBJECT_BYTES = 10, 20_000


def write_chain(folder, steps, compiler):
    """A project whose step n needs the object of step n - 1.  Returns the command lines in their order."""
    os.makedirs(folder)
    path = compile_graph.write(folder, steps, HEADERS_EACH, 2 * HEADERS_EACH, compiler)
    with open(path, encoding="ascii") as file:
        manifest = json.load(file)
    actions = manifest["actions"]
    for before, action in zip(actions, actions[1:]):
        action["inputs"] += before["outputs"]
    for action in actions:
        with open(os.path.join(folder, action["inputs"][0]), "a", encoding="ascii") as out:
            out.write("/*" + "x" * OBJECT_BYTES + "*/\n")
    with open(path, "w", encoding="ascii") as out:
        json.dump(manifest, out)
    return [action["argv"] + ["-MD", "-MF", action["outputs"][0] + ".d"] for action in actions]


def by_extfarm(folder, workers, steps):
    """Wall seconds of a build from nothing, after one that made the worker know the headers."""
    for name in os.listdir(os.path.join(folder, "obj")):
        os.remove(os.path.join(folder, "obj", name))
    command = (EXTFARM, "build", "--manifest", "manifest.json", "--local", "0", "--no-store", "--force", "-q")
    sample = run(command, folder, **workers.variables)
    last_build(folder, on_workers=steps)
    return sample.wall


def by_themselves(folder, commands):
    began = time.perf_counter()
    for argv in commands:
        subprocess.run(argv, cwd=folder, check=True, close_fds=False)
    return time.perf_counter() - began


def main():
    reader = argparse.ArgumentParser(prog="scripts/bench chain", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    reader.add_argument("--rounds", type=int, default=5, help="of four chains each; the medians count")
    reader.add_argument("--json", help="where the figures go")
    options = reader.parse_args()
    end_daemons_on_term()
    with tempfile.TemporaryDirectory(prefix="extfarm-chain-") as folder:
        tools = make_compiler(folder)
        known = learn_compiler(folder, tools + "/gcc")
        commands = {steps: write_chain(os.path.join(folder, str(steps)), steps, tools + "/gcc") for steps in (SHORT, LONG)}
        farmed, alone = [], []
        with Workers(folder, 1, 2, (tools, "/usr"), tools=known) as workers:
            for number in range(options.rounds + 1):
                wall = {steps: by_extfarm(os.path.join(folder, str(steps)), workers, steps) for steps in commands}
                plain = {steps: by_themselves(os.path.join(folder, str(steps)), lines) for steps, lines in commands.items()}
                if number > 0:  # in the first one the worker has yet to read the headers
                    farmed.append(1000 * (wall[LONG] - wall[SHORT]) / (LONG - SHORT))
                    alone.append(1000 * (plain[LONG] - plain[SHORT]) / (LONG - SHORT))
    ours, theirs = statistics.median(farmed), statistics.median(alone)
    print(f"a step of a chain: {ours:.2f} ms on a worker, {theirs:.2f} ms by itself, {ours - theirs:.2f} ms over it "
          f"(medians of {options.rounds}: {', '.join(f'{value:.2f}' for value in farmed)})")
    if options.json:
        with open(options.json, "w", encoding="utf-8") as out:
            json.dump({"schema": 1, "benchmark": "chain", "on_a_worker_ms": farmed, "by_itself_ms": alone}, out, indent=1)


if __name__ == "__main__":
    sys.exit(main())
