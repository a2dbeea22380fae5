"""scripts/bench incremental: builds in which nothing, or one file, changed.

Beside ninja on the same graph of compiles; beside setup.py build_ext on a
project of many extensions; and the memory that a very large graph takes.
Knows the three tools' command lines.  Prints a table and writes JSON.
"""

import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile

import compile_graph
from measuring import Table, alternating, run

HERE = os.path.dirname(os.path.abspath(__file__))
EXTFARM = os.path.join(os.environ["EXTFARM_PROGRAMS"], "extfarm")
SETUP_PY = (sys.executable, "setup.py", "build_ext")
HEADERS = 2000


def overwrite(path, text):
    with open(path, "w", encoding="ascii") as out:
        out.write(text)


def quick_compiler(folder):
    """The path of a compiler that takes a millisecond; see quick_compiler.c."""
    path = os.path.join(folder, "tools", "gcc")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    subprocess.run(["gcc", "-O2", "-o", path, os.path.join(HERE, "quick_compiler.c")], check=True)
    return path


def up_to_date(folder):
    with open(os.path.join(folder, ".extfarm", "last-build.json"), encoding="utf-8") as file:
        actions = json.load(file)["actions"]
    return actions["total"] - actions["fresh"]


class Graph:
    """The same graph twice, once built by ninja and once by extfarm."""

    def __init__(self, folder, actions, headers_each, compiler):
        self.folders = [os.path.join(folder, name) for name in ("ninja", "extfarm")]
        for where in self.folders:
            if not os.path.exists(os.path.join(where, "manifest.json")):
                compile_graph.write(where, actions, headers_each, HEADERS, compiler)

    def ninja(self):
        return run(["ninja"], self.folders[0])

    def extfarm(self, expected=None):
        sample = run([EXTFARM, "build", "--manifest", "manifest.json"], self.folders[1])
        if expected is not None and up_to_date(self.folders[1]) != expected:
            raise RuntimeError(f"{up_to_date(self.folders[1])} actions ran, {expected} expected")
        return sample

    def edit(self, name, change):
        """Replaces change(text) for the text of one file in both."""
        for where in self.folders:
            path = os.path.join(where, name)
            with open(path, encoding="ascii") as file:
                text = file.read()
            overwrite(path, change(text))


def beside_ninja(table, options, folder):
    print(f"building {options.actions} actions with {options.headers} headers each, twice …", file=sys.stderr)
    graph = Graph(os.path.join(folder, "graph"), options.actions, options.headers, options.compiler)
    graph.ninja()
    graph.extfarm()
    graph.extfarm(0)
    ours, theirs = "extfarm build", "ninja"
    size = f"{options.actions} actions × {options.headers} headers"
    table.add(f"no-op, {size}", alternating(
        options.rounds, lambda number: None, (ours, lambda: graph.extfarm(0)), (theirs, graph.ninja)))
    stamp = os.getpid()
    table.add(f"one source edited, {size}", alternating(
        options.rounds,
        lambda number: graph.edit("src/s7.c", lambda text: text[:text.index("int f")]
                                  + compile_graph.source(7, stamp * 1000 + number)),
        (ours, lambda: graph.extfarm(1)), (theirs, graph.ninja)))
    table.add(f"one header of {compile_graph.FEW} edited, {size}", alternating(
        options.rounds,
        lambda number: graph.edit("include0/few.h", lambda text: compile_graph.few_header(stamp * 1000 + number)),
        (ours, lambda: graph.extfarm(compile_graph.FEW)), (theirs, graph.ninja)))


class Extensions:
    """A setuptools project of many small extensions that share a header, built in a folder of its own by each."""

    def __init__(self, folder, count):
        self.plain, self.farmed = (os.path.join(folder, name) for name in ("plain", "farmed"))
        self.sources = [f"e{number}.c" for number in range(count)]
        for where in (self.plain, self.farmed):
            if os.path.exists(os.path.join(where, "setup.py")):
                continue
            os.makedirs(where)
            overwrite(os.path.join(where, "shared.h"), "#define SHARED 1\n")
            for number, name in enumerate(self.sources):
                overwrite(os.path.join(where, name),
                          f'#include "shared.h"\nvoid *PyInit_e{number}(void) {{ return (void *)SHARED; }}\n')
            overwrite(os.path.join(where, "setup.py"),
                      "from setuptools import setup, Extension\nsetup(name='p', version='0', packages=[], ext_modules=["
                      f"Extension(f'e{{n}}', [f'e{{n}}.c'], depends=['shared.h']) for n in range({count})])\n")

    def setup_py(self):
        return run(SETUP_PY, self.plain)

    def farm(self):
        return run((EXTFARM, "run", "--", *SETUP_PY), self.farmed)

    def touch(self):
        for where in (self.plain, self.farmed):
            for name in self.sources:
                os.utime(os.path.join(where, name))

    def write_manifest(self, log):
        """The commands that the plain build printed, as a graph for `extfarm build`."""
        actions = []
        with open(log, encoding="utf-8") as lines:
            for line in lines:
                if " -o " not in line:
                    continue
                argv = shlex.split(line)
                output = argv[argv.index("-o") + 1]
                inputs = [word for word in argv if word.endswith((".c", ".o")) and word != output]
                actions.append({"argv": argv, "inputs": inputs, "outputs": [output]})
        with open(os.path.join(self.plain, "manifest.json"), "w", encoding="utf-8") as out:
            json.dump({"schema": 1, "actions": actions}, out, indent=0)
        if len(actions) != 2 * len(self.sources):
            raise RuntimeError(f"{len(actions)} commands in {log}, {2 * len(self.sources)} expected")

    def graph(self):
        sample = run([EXTFARM, "build", "--manifest", "manifest.json"], self.plain, log=self.plain + ".graph.log")
        if up_to_date(self.plain) != 0:
            raise RuntimeError("something ran although nothing changed")
        return sample


def beside_setup_py(table, options, folder):
    print(f"building {options.extensions} extensions three times …", file=sys.stderr)
    project = Extensions(os.path.join(folder, "extensions"), options.extensions)
    manifest = os.path.join(project.plain, "manifest.json")
    project.setup_py()
    if not os.path.exists(manifest):
        project.write_manifest(os.path.join(project.plain, "bench.log"))
    project.farm()
    run([EXTFARM, "build", "--manifest", "manifest.json"], project.plain)
    size = f"{options.extensions} extensions"
    plain, imports = ("setup.py build_ext", project.setup_py), "import setuptools alone"

    def nothing(number):
        del number

    table.add(f"no-op, {size}, the same command", alternating(
        options.rounds, nothing, ("extfarm run -- setup.py build_ext", project.farm), plain))
    table.add(f"no-op, {size}, the floor of any setup.py", alternating(
        options.rounds, nothing,
        (imports, lambda: run((sys.executable, "-c", "import setuptools"), folder)), plain))
    table.add(f"no-op, {size}, the same commands without Python", alternating(
        options.rounds, nothing, ("extfarm build", project.graph), plain))
    table.add(f"every time stamp new and no byte, {size}", alternating(
        min(options.rounds, 2), lambda number: project.touch(),
        ("extfarm run -- setup.py build_ext", project.farm), plain))


def memory(table, options, folder):
    print(f"building {options.memory_actions} actions with a compiler that takes a millisecond …", file=sys.stderr)
    graph = Graph(os.path.join(folder, "large"), options.memory_actions, options.headers, quick_compiler(folder))
    first = graph.extfarm()
    again = graph.extfarm(0)
    size = f"{options.memory_actions} actions × {options.headers} headers"
    for what, sample in (("first build", first), ("no-op", again)):
        table.rows.append({"what": f"{what}, {size}", "wall_seconds": sample.wall, "peak_mib": sample.peak_mib})
        print(f"{what}, {size}: {sample.wall:.1f} s, peak {sample.peak_mib:.0f} MiB", flush=True)


def main():
    reader = argparse.ArgumentParser(prog="scripts/bench incremental", description=__doc__)
    reader.add_argument("--actions", type=int, default=5000, help="compiles beside ninja; 0: none")
    reader.add_argument("--headers", type=int, default=300, help="headers that each of them includes")
    reader.add_argument("--extensions", type=int, default=500, help="extensions beside setup.py; 0: none")
    reader.add_argument("--memory-actions", type=int, default=0, help="compiles whose peak memory is taken; 0: none")
    reader.add_argument("--rounds", type=int, default=5, help="runs of each, alternating; the medians count")
    reader.add_argument("--quick-compiler", action="store_true", help="both sides compile with quick_compiler.c")
    reader.add_argument("--folder", help="keep the projects there, and use what an earlier run built")
    reader.add_argument("--json", default="incremental.json", help="where the figures go")
    options = reader.parse_args()
    folder = os.path.abspath(options.folder) if options.folder else tempfile.mkdtemp(prefix="extfarm-bench-")
    os.makedirs(folder, exist_ok=True)
    options.compiler = quick_compiler(folder) if options.quick_compiler else "gcc"
    table = Table()
    try:
        if options.actions:
            beside_ninja(table, options, folder)
        if options.extensions:
            beside_setup_py(table, options, folder)
        if options.memory_actions:
            memory(table, options, folder)
    finally:
        if not options.folder:
            shutil.rmtree(folder, ignore_errors=True)
    table.write(options.json, compiler="quick_compiler.c" if options.quick_compiler else "gcc -O0",
                cores=os.cpu_count(), load=os.getloadavg()[0])


if __name__ == "__main__":
    main()
