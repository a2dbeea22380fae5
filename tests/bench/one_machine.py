"""Whole builds of real projects on this machine alone, beside what they do by themselves.

    scripts/bench one_machine --project FOLDER… [--jobs N] [--rounds N] [--json FILE]

    FOLDER is a project's sources, which stay as they are; words after a colon go to its setup.py: lxml:--with-cython.

`extfarm run -j 2 -- python3 setup.py build_ext`, in a clean tree without history and in one with the history of an earlier
build, no store; and, in turn with them, `python3 setup.py build_ext -j2` with cythonize(nthreads=2) and numpy's own two
threads.  Every build is in the same path.  Processor time is user's and system's of all processes.
"""

import argparse
import os
import shutil
import sys
import tempfile

from measuring import Sample, Table, run

HERE = os.path.dirname(os.path.abspath(__file__))
EXTFARM = os.path.join(os.environ["EXTFARM_PROGRAMS"], "extfarm")
THREADS = os.path.join(HERE, "cythonize_threads.py")
PLAIN, COLD, WARM = "setup.py build_ext, threads", "extfarm run", "extfarm run, history"


def modules_in(folder):
    return sorted(name for _, _, names in os.walk(folder) for name in names if name.endswith(".so"))


class Project:
    """Its tree is laid out anew for every build."""

    def __init__(self, folder, words, options):
        self.name = os.path.basename(os.path.normpath(folder))
        self._sources, self._words, self._options = folder, words, options
        self._top = tempfile.mkdtemp(prefix="extfarm-one-machine-")
        self._tree, self._history = os.path.join(self._top, self.name), os.path.join(self._top, "history")
        self.modules = {}  # by what built them

    def remove(self):
        shutil.rmtree(self._top, ignore_errors=True)

    def build(self, what):
        shutil.rmtree(self._tree, ignore_errors=True)
        shutil.copytree(self._sources, self._tree, symlinks=True, ignore=shutil.ignore_patterns(".extfarm"))
        if what == WARM:
            shutil.copytree(self._history, os.path.join(self._tree, ".extfarm"))
        jobs, python = str(self._options.jobs), self._options.python
        empty = os.path.join(self._top, "no-workers")
        setup = ("setup.py", "build_ext", *self._words)
        if what == PLAIN:
            command = (python, THREADS, jobs, *setup, "-j" + jobs)
        else:
            command = (EXTFARM, "run", "-q", "--no-store", "--rendezvous", empty, "-j", jobs, "--", python, *setup)
        sample: Sample = run(command, self._tree, os.path.join(self._top, "build.log"), NPY_NUM_BUILD_JOBS=jobs,
                             PYTHONDONTWRITEBYTECODE="")  # as users have it: who imports a fresh Cython first compiles it for all
        self.modules[what] = modules_in(self._tree)
        if what == COLD:
            shutil.rmtree(self._history, ignore_errors=True)
            shutil.copytree(os.path.join(self._tree, ".extfarm"), self._history)
        return sample


def measure(table, project, rounds):
    samples = {PLAIN: [], COLD: [], WARM: []}
    for number in range(rounds):
        # The first warm build needs the history of a cold one.
        for what in (PLAIN, COLD, WARM) if number % 2 == 0 else (WARM, COLD, PLAIN):
            samples[what].append(project.build(what))
            print(f"{project.name}, round {number + 1}, {what}: {samples[what][-1].wall:.1f} s, cpu "
                  f"{samples[what][-1].cpu:.1f} s", file=sys.stderr)
    if len({tuple(names) for names in project.modules.values()}) != 1 or not project.modules[PLAIN]:
        raise RuntimeError(f"{project.name}: not the same modules were built: {project.modules}")
    for kind, ours in (("clean tree", COLD), ("clean tree, second build", WARM)):
        table.add(f"{project.name}, {kind}", {ours: samples[ours], PLAIN: samples[PLAIN]})


def main():
    reader = argparse.ArgumentParser(prog="scripts/bench one_machine", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    reader.add_argument("--project", nargs="+", required=True, metavar="FOLDER[:WORD…]", help="sources with a setup.py")
    reader.add_argument("--jobs", type=int, default=2, help="of both sides")
    reader.add_argument("--rounds", type=int, default=3, help="of three builds each, in changing order; the medians count")
    reader.add_argument("--python", default="/usr/bin/python3", help="what runs setup.py, with its Cython")
    reader.add_argument("--json", default="one_machine.json", help="where the figures go")
    options = reader.parse_args()
    table = Table()
    for argument in options.project:
        folder, *words = argument.split(":")
        if built := modules_in(folder):
            reader.error(f"{folder} has built modules in it, {built[0]} for one: give sources without any")
        project = Project(folder, words, options)
        try:
            measure(table, project, options.rounds)
        finally:
            project.remove()
    table.write(options.json, jobs=options.jobs, cores=os.cpu_count(), load=os.getloadavg()[0])


if __name__ == "__main__":
    main()
