"""Builds on three hosts to which something happens all the time: each ends, with the bytes of a plain build.

EXTFARM_CAMPAIGN says how many builds, EXTFARM_SEED which; ten by default.  They wait more than they work, so several
labs build at once, each by this program once more, with its number as EXTFARM_PART.
"""

import collections
import json
import os
import random
import re
import shutil
import subprocess
import sys
import time
import unittest

from farm import last_build, program, spans
from faults import Schedule, WorkerHost, wait_for_workers
from hosts import SHARED, Lab, main_or_say_why_not

COUNT = int(os.environ.get("EXTFARM_CAMPAIGN", "10"))
SEED = int(os.environ.get("EXTFARM_SEED", "0")) or random.SystemRandom().randrange(1, 10**9)
PARTS = 3
PART = os.environ.get("EXTFARM_PART")
PROJECT, TOOLS = SHARED + "/project", SHARED + "/tools"
LIBRARIES, SOURCES_EACH, SLOTS = 4, 8, 2
LONGEST_BUILD_SECONDS = 240
SLOW_COMPILER = "#!/bin/sh\nsleep 0.4\nexec /usr/bin/gcc \"$@\"\n"


def lay_out(folder):
    """Compiles with side files, archives of them, and a program of all."""
    os.makedirs(folder)
    actions, archives = [], []

    def write(name, text):
        with open(os.path.join(folder, name), "w", encoding="utf-8") as out:
            out.write(text)

    def add(argv, inputs, outputs):
        actions.append({"argv": argv, "inputs": inputs, "outputs": outputs})

    write("all.h", "#include <stdio.h>\n#define STEP 3\n")
    for library in range(LIBRARIES):
        objects = []
        for number in range(SOURCES_EACH):
            name = f"f{library}_{number}"
            write(name + ".c", f'#include "all.h"\nint {name}(int a) {{ return a * STEP + {number}; }}\n')
            add([TOOLS + "/gcc", "-g", "-gsplit-dwarf", "-MD", "-c", name + ".c", "-o", name + ".o"], [name + ".c"],
                [name + ".o"])
            objects.append(name + ".o")
        archives.append(f"lib{library}.a")
        add(["ar", "rcsD", archives[-1], *objects], objects, [archives[-1]])
    calls = " + ".join(f"f{library}_0(1)" for library in range(LIBRARIES))
    declared = "".join(f"int f{library}_0(int);" for library in range(LIBRARIES))
    write("main.c", f"{declared}\nint main(void) {{ return {calls}; }}\n")
    add([TOOLS + "/gcc", "-g", "main.c", *archives, "-o", "app"], ["main.c", *archives], ["app"])
    write("graph.json", json.dumps({"schema": 1, "actions": actions}))
    return actions


def files_of(folder):
    """Every file's bytes but the state's own."""
    found = {}
    for where, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name != ".extfarm"]
        for name in names:
            with open(os.path.join(where, name), "rb") as file:
                found[os.path.relpath(os.path.join(where, name), folder)] = file.read()
    return found


class FaultCampaign(unittest.TestCase):
    """One lab's share of the builds."""

    def setUp(self):
        self.lab = Lab("head", "one", "two", "three")
        self.addCleanup(self.lab.__exit__)
        self.folder = self.lab.path("project")
        os.makedirs(self.lab.path("tools"))
        with open(self.lab.path("tools", "gcc"), "w", encoding="utf-8") as out:
            out.write(SLOW_COMPILER)
        os.chmod(self.lab.path("tools", "gcc"), 0o755)

    def plain_build(self):
        for action in lay_out(self.folder):
            words = ["/usr/bin/gcc" if word == TOOLS + "/gcc" else word for word in action["argv"]]
            done = self.lab["head"].run(*words, cwd=PROJECT)
            self.assertEqual(done.returncode, 0, done.stderr)
        expected = files_of(self.folder)
        shutil.rmtree(self.folder)
        return expected

    def build(self, schedule):
        """Until it has ended by itself.  A killed coordinator is started again.  Returns what all of them said."""
        said, began = "", time.monotonic()
        while True:
            build = self.lab["head"].start(program("extfarm"), "build", "--manifest", "graph.json", "--no-store",
                                           "-j", "1", cwd=PROJECT)
            while not build.ended():
                schedule.apply()
                if schedule.kills_coordinator:
                    schedule.kills_coordinator = False
                    build.signal(9)
                    build.wait(30)
                    break
                if time.monotonic() - began > LONGEST_BUILD_SECONDS:
                    build.signal(9)
                    raise TimeoutError(f"the build does not end; {schedule.told}\n{said}{build.output()}")
                time.sleep(0.02)
            else:
                said += build.output()
                return build.wait(), said
            said += build.output() + "(killed)\n"

    def check(self, expected, told, said, code):
        known = f"\n{told}\n{said}"
        self.assertEqual(code, 0, known)
        found = files_of(self.folder)
        self.assertEqual(sorted(found), sorted(expected), known)
        self.assertEqual([name for name in expected if found[name] != expected[name]], [], known)
        actions = last_build(self.folder)["actions"]
        self.assertEqual(actions["failed"], 0, known)
        self.assertEqual(actions["total"], LIBRARIES * (SOURCES_EACH + 1) + 1, known)
        published = collections.Counter(span["args"]["action"] for span in spans(self.folder) if span["args"]["counted"])
        self.assertEqual({action: count for action, count in published.items() if count > 1}, {}, known)
        self.assertEqual(len(published), actions["on_workers"], known)

    def test_every_build_ends_with_the_same_bytes(self):
        dice = random.Random(SEED)
        expected = self.plain_build()
        places = [WorkerHost(self.lab, name, SLOTS, "--trust", TOOLS, "--trust", "/usr") for name in ("one", "two", "three")]
        wait_for_workers(self.lab, len(places))
        seconds, retried, faults = [], 0, 0
        for number in range(COUNT):
            schedule_seed = dice.random()
            if number % PARTS != int(PART):
                continue
            lay_out(self.folder)
            schedule = Schedule(random.Random(schedule_seed), places, 4)
            began = time.monotonic()
            with self.subTest(build=number, seed=SEED):
                try:
                    code, said = self.build(schedule)
                finally:
                    schedule.end()
                seconds.append(time.monotonic() - began)
                self.check(expected, schedule.told, said, code)
                retried += last_build(self.folder)["actions"]["retried"]
                faults += len(schedule.told)
            shutil.rmtree(self.folder)
        print(f"[ figure   ] builds took {min(seconds):.1f} to {max(seconds):.1f} s; {faults} faults, {retried} attempts repeated",
              flush=True)


class Campaign(unittest.TestCase):
    def test_every_build_ends_with_the_same_bytes(self):
        print(f"seed {SEED}, {COUNT} builds", flush=True)
        parts = [subprocess.Popen([sys.executable, "-W", "error", __file__, "FaultCampaign"], stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True,
                                  env={**os.environ, "EXTFARM_PART": str(part), "EXTFARM_SEED": str(SEED)})
                 for part in range(PARTS)]
        outputs = [part.communicate()[0] for part in parts]
        for part, output in zip(parts, outputs):
            self.assertEqual(part.returncode, 0, output)
            print("\n".join(line for line in output.splitlines() if "figure" in line), flush=True)
        faults = sum(int(count) for output in outputs for count in re.findall(r"(\d+) faults", output))
        self.assertGreaterEqual(faults, COUNT / 2, "hardly anything has happened")


if __name__ == "__main__":
    if PART is None:
        sys.argv[1:] = ["Campaign"]
    main_or_say_why_not()
