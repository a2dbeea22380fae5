"""A graph of small compiles of which the held ones do not end before they are let go; and builds that overlap.

Knows README.md, doc/manifest.md and which table of the records has the results.
"""

import json
import os
import signal
import sqlite3
import subprocess

from farm import contents, last_build, program
from hosts import wait_until
from one_machine import processes_with
from rebuilds import Rebuilds

# While the file GATE is there, a compile of held*.c does not begin and one of read*.c does not end, with a
# process that has the word MARK in its command line.
GATED_COMPILER = """#!/bin/sh
case "$*" in *"-c held"*) sh -c 'while [ -e GATE ]; do sleep 0.05; done' MARK ;; esac
/usr/bin/gcc "$@" || exit
case "$*" in *"-c read"*) sh -c 'while [ -e GATE ]; do sleep 0.05; done' MARK ;; esac
"""


class HeldBuilds(Rebuilds):
    options = ("--no-store",)  # What a killed coordinator's own worker does is part of it.

    def setUp(self):
        super().setUp()
        self.gate, self.mark = self.path("gate"), f"held-{os.getpid()}-{self.id()}"
        self.compiler = self.path("tools", "gcc")
        os.makedirs(os.path.dirname(self.compiler))
        with open(self.compiler, "w", encoding="utf-8") as out:
            out.write(GATED_COMPILER.replace("GATE", self.gate).replace("MARK", self.mark))
        os.chmod(self.compiler, 0o755)

    def close_gate(self):
        with open(self.gate, "w", encoding="utf-8"):
            pass

    def open_gate(self):
        os.unlink(self.gate)

    def held(self):
        """How many compiles wait."""
        return len(processes_with(self.mark))

    def wait_for_held(self, build, count):
        wait_until(lambda: self.held() == count or build.poll() is not None, f"{count} held compiles")
        self.assertIsNone(build.poll(), self.log("first"))

    def begin(self, files):
        """Lays the project out; nothing is built yet."""
        self.lay_out(files)
        self.files = dict(files)

    def built(self):
        return contents(self.folder, ".o")

    def products_there(self):
        return len(self.built())

    def graph(self, quick, held):
        """Files of a graph: that many compiles that end and that are held, and what takes them all together."""
        names = [f"quick{i}" for i in range(quick)] + [f"held{i}" for i in range(held)]
        actions = [{"argv": [self.compiler, "-c", f"{n}.c", "-o", f"{n}.o"], "inputs": [f"{n}.c"],
                    "outputs": [f"{n}.o"]} for n in names]
        actions.append({"argv": [self.compiler, "-r", "-nostdlib", *(f"{n}.o" for n in names), "-o", "all.o"],
                        "kind": "link", "inputs": [f"{n}.o" for n in names], "outputs": ["all.o"]})
        graph = {"schema": 1, "environment": {"PATH": "/usr/bin:/bin"}, "actions": actions}
        return {"graph.json": json.dumps(graph), **{f"{n}.c": f"int {n};\n" for n in names}}

    def expected(self):
        """What the commands of the graph make, one after the other, of the sources as they are."""
        made = {}
        for action in json.loads(self.files["graph.json"])["actions"]:
            output = action["outputs"][0]
            subprocess.run(["/usr/bin/gcc", *action["argv"][1:]], cwd=self.folder, check=True)
            with open(os.path.join(self.folder, output), "rb") as file:
                made[output] = file.read()
        return made

    def build_command(self, *options):
        return (program("extfarm"), "build", "--manifest", "graph.json", *self.options, *options)

    def begin_build(self, name, *options):
        return self.start(name, *self.build_command(*options))

    def finish(self, name, process):
        self.assertEqual(process.wait(60), 0, self.log(name))
        return last_build(self.folder)["actions"]

    def recorded(self):
        """How many results the records hold."""
        path = os.path.join(self.folder, ".extfarm", "state.sqlite")
        database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        try:
            return database.execute("SELECT count(*) FROM published").fetchone()[0]
        except sqlite3.OperationalError:  # The build is about to make them.
            return 0
        finally:
            database.close()

    def kill(self, build):
        """Ends the coordinator as kill -9 does.  What it had started ends with it."""
        os.kill(build.pid, signal.SIGKILL)
        build.wait()
        wait_until(lambda: self.held() == 0, "end of the held compiles")

    def assert_no_damage(self):
        state = os.listdir(os.path.join(self.folder, ".extfarm"))
        self.assertEqual([name for name in state if "damaged" in name], [])
