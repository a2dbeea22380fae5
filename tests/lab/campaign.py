"""A project, three worker hosts and one that builds, for builds during which something happens all the time."""

import collections
import json
import os
import shutil
import signal
import subprocess
import time

from farm import last_build, program, spans
from faults import DESCRIPTORS, HEAD, WorkerHost, clock_of, wait_for_workers
from hosts import LOCAL, SHARED, descendants

PROJECT, TOOLS = SHARED + "/project", SHARED + "/tools"
HOSTS = ("one", "two", "three")
LIBRARIES, SOURCES_EACH, SLOTS = 4, 8, 2
ACTIONS = LIBRARIES * (SOURCES_EACH + 1) + 1
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


class Campaign:
    """The lab has the hosts of HOSTS and "head"."""

    def __init__(self, lab):
        self.lab, self.folder = lab, lab.path("project")
        os.makedirs(lab.path("tools"))
        with open(lab.path("tools", "gcc"), "w", encoding="utf-8") as out:
            out.write(SLOW_COMPILER)
        os.chmod(lab.path("tools", "gcc"), 0o755)
        self._expected = self._plain_build()

    def _plain_build(self):
        for action in lay_out(self.folder):
            words = ["/usr/bin/gcc" if word == TOOLS + "/gcc" else word for word in action["argv"]]
            done = self.lab["head"].run(*words, cwd=PROJECT)
            if done.returncode != 0:
                raise RuntimeError(done.stderr)
        expected = files_of(self.folder)
        shutil.rmtree(self.folder)
        return expected

    def start_workers(self, spared=()):
        """A place for each host; those spared are never killed."""
        places = [WorkerHost(self.lab, name, SLOTS, "--trust", TOOLS, "--trust", "/usr") for name in HOSTS]
        for place in places:
            place.is_spared = place.name in spared
        wait_for_workers(self.lab, len(places))
        return places

    def build(self, schedule, look=lambda pid: None):
        """Until it has ended by itself.  A killed coordinator is started again.  Returns what is wrong, in words, and
        what all of them said.  look(pid of the coordinator) is called all the time."""
        lay_out(self.folder)
        said, began = "", time.monotonic()
        while True:
            build = self.lab["head"].start(*clock_of(self.lab, HEAD), "prlimit", f"--nofile={DESCRIPTORS}:{DESCRIPTORS}",
                                           program("extfarm"), "build", "--manifest", "graph.json", "--no-store",
                                           "-j", "1", cwd=PROJECT)
            while not build.ended():
                schedule.apply(any(name.endswith(".o") for name in os.listdir(self.folder)))
                look(build.pid)
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
                # Its worker's clock then runs behind the kernel's, which stamps the files: what it meets first looks changed.
                has_clock_behind = any("builder's clock steps" in told for told in schedule.told)
                return problems_of(self.folder, build.wait(), self._expected, ACTIONS, may_run_here=has_clock_behind), said
            said += build.output() + "(killed)\n"


def problems_of(folder, code, expected, action_count, may_run_here=False):
    """What is wrong with a build that has ended, in words: its bytes, its figures, what its trace says was published.
    `may_run_here`: an action that two workers refused."""
    if code != 0:
        return [f"exit code {code}"]
    found, problems = files_of(folder), []
    if sorted(found) != sorted(expected):
        problems.append(f"other files: {sorted(set(found) ^ set(expected))}")
    problems += [f"{name} has other bytes" for name in expected if name in found and found[name] != expected[name]]
    actions = last_build(folder)["actions"]
    if actions["failed"] != 0 or actions["total"] != action_count:
        problems.append(f"{action_count} actions, none failed, should be told: {actions}")
    here = actions["passed_through"] if may_run_here else 0
    if actions["fresh"] + actions["on_workers"] + here != action_count:
        problems.append(f"an action was neither fresh nor ran on a worker: {actions}")
    if actions["on_workers"] == 0:  # killed when it had ended: the trace is the earlier build's, and all was found up to date
        return problems
    published = collections.Counter(span["args"]["action"] for span in spans(folder) if span["args"]["counted"])
    problems += [f"{action} was published {count} times" for action, count in published.items() if count > 1]
    if len(published) != actions["on_workers"]:
        problems.append(f"{len(published)} published, but {actions['on_workers']} ran on workers")
    return problems


def drain(places):
    """Ends all workers as a user does.  Returns what is wrong, in words: what they leave."""
    problems = []
    for place in places:
        place.signal(signal.SIGTERM)
    for place in places:
        for worker in (place.worker, *place.replaced):
            try:
                code = worker.wait(60)
            except subprocess.TimeoutExpired:  # said, and the lab ends it
                code = "nothing within 60 s"
            if code != 0:
                problems.append(f"a worker on {place.name} ended with {code}: {worker.output()[-2000:]}")
        left = place.host.run("find", LOCAL + "/small/scratch", "-mindepth", "1").stdout.split()
        left += [name for _, name in descendants(place.host.pid) if name != "sleep"]
        if left:
            problems.append(f"left behind on {place.name}: {left}")
    return problems
