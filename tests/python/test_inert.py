"""In a process that is no build, and before setuptools or Cython are there, the plug-in does and breaks nothing.

Knows PYTHONPATH and the variables that `extfarm run` sets.  Looks at
sys.modules, and at whether anybody knocks at the front door.
"""

import glob
import json
import os
import subprocess
import sys
import unittest

from front_door import FrontDoor
from project import PACKAGE, Project, c_module, setup_py

MODULES = "import sys, json; print(json.dumps([sorted(sys.modules), sys.path]))"
HEAVY = ("setuptools", "Cython", "distutils", "pkg_resources")
DISTUTILS = setup_py("Extension('one', ['one.c'])").replace("from setuptools", "from distutils.core")
SETUPTOOLS_WHEELS = glob.glob("/usr/share/python-wheels/setuptools-*.whl")


class InertCase(unittest.TestCase):
    def setUp(self):
        self.project = Project({"setup.py": setup_py(), "one.c": c_module("one"), "m.py": "x = 1\n", "d.py": DISTUTILS,
                                "c.py": "from extfarm import cythonize\ncythonize('x.pyx')\n", "x.pyx": "x = 1\n",
                                "s.py": setup_py("Extension('one', ['one.c'])")})
        self.addCleanup(self.project.close)


class Inert(InertCase):
    def test_an_interpreter_loads_one_small_module_more_at_most(self):
        found = {}
        for farmed in (False, True):
            done = self.project.run("-c", MODULES, plugin=farmed, socket="/nonexistent" if farmed else None)
            found[farmed] = json.loads(done.stdout)
        self.assertLessEqual(set(found[True][0]) - set(found[False][0]), {"sitecustomize"})
        self.assertEqual([path for path in found[True][1] if path not in found[False][1]], [PACKAGE])

    def test_no_process_but_a_build_calls_the_coordinator(self):
        with FrontDoor() as door:
            for command in (("-c", "import m, json, ssl"), ("setup.py", "--version"), ("setup.py", "-q", "build"),
                            ("-m", "pip", "--version"), ("-m", "pip", "list"), ("-m", "json.tool", "--help"),
                            ("-c", "import setuptools.command.build_ext, Cython.Build"),
                            ("-c", "import pip._internal.build_env"),
                            ("-c", "import extfarm, extfarm.plugin, extfarm.cython")):
                done = self.project.run(*command, socket=door.path)
                self.assertEqual((done.returncode, done.stderr, door.hellos), (0, "", []), (command, done.stderr))

    def test_a_sitecustomize_that_was_there_before_still_runs(self):
        os.mkdir(os.path.join(self.project.folder, "own"))
        with open(os.path.join(self.project.folder, "own", "sitecustomize.py"), "w", encoding="utf-8") as out:
            out.write("print('own sitecustomize')\n")
        done = self.project.run("-c", "", PYTHONPATH=os.pathsep.join([PACKAGE, "own"]), socket="/nonexistent")
        self.assertEqual((done.stdout, done.stderr), ("own sitecustomize\n", ""))


class BeforeItsDependencies(InertCase):
    """A virtual environment that holds nothing yet."""

    def setUp(self):
        super().setUp()
        folder = os.path.join(self.project.home, "venv")
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
        self.python = os.path.join(folder, "bin", "python")

    def bare(self, *arguments, socket, more=()):
        path = os.pathsep.join([PACKAGE, *more])
        return self.project.execute([self.python, *arguments], socket=socket, PYTHONPATH=path)

    def test_the_package_can_be_imported(self):
        with FrontDoor() as door:
            done = self.bare("-c", "import extfarm, extfarm.plugin, extfarm.cython, extfarm.farm_build, sys\n"
                             f"print([name for name in {HEAVY} if name in sys.modules])", socket=door.path)
        self.assertEqual((done.stdout, done.stderr), ("[]\n", ""))

    def test_cythonize_says_that_cython_is_missing(self):
        with FrontDoor() as door:
            done = self.bare("c.py", socket=door.path)
        self.assertEqual(done.stderr.splitlines()[-1], "ModuleNotFoundError: No module named 'Cython'")

    @unittest.skipIf(sys.version_info >= (3, 12), "no distutils in this Python")
    def test_distutils_by_itself_builds_as_ever(self):
        with FrontDoor() as door:
            done = self.bare("-W", "ignore", "d.py", "build_ext", "--inplace", socket=door.path)
            self.assertEqual((done.returncode, done.stderr, door.hellos), (0, "", []), done.stderr)
        self.assertEqual(len(self.project.outputs(".so")), 1)

    @unittest.skipIf(sys.version_info[:2] != (3, 11), "Debian's setuptools is for its own Python")
    def test_with_setuptools_but_no_cython_extensions_are_farmed(self):
        with FrontDoor() as door:
            done = self.bare("s.py", "build_ext", "--inplace", socket=door.path, more=SETUPTOOLS_WHEELS)
            self.assertEqual((done.returncode, sorted(door.kinds("submit"))), (0, ["compile", "link"]), done.stderr)


if __name__ == "__main__":
    unittest.main()
