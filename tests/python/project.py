"""Small projects for the tests, and ways to build them: plainly, with the plug-in, on the real farm.

Knows setup.py, the environment that `extfarm run` sets and the files of
`.extfarm/`.  Refuses to look into the package under test.
"""

import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

_HERE = os.path.dirname(os.path.abspath(__file__))
PACKAGE = os.path.abspath(os.environ.get("EXTFARM_PYTHON") or os.path.join(_HERE, "..", "..", "python"))
PROGRAMS = os.path.abspath(os.environ.get("EXTFARM_PROGRAMS") or os.path.join(_HERE, "..", "..", "build", "bin"))
# Folders that come first on the builds' PYTHONPATH: another setuptools, another Cython.
OTHER_VERSIONS = [folder for folder in os.environ.get("EXTFARM_TEST_PATH", "").split(os.pathsep) if folder]
BUILD = ("setup.py", "build_ext", "--inplace")
_OURS = ("EXTFARM", "SAGE_PARALLEL_DIST", "MAKE", "PYTHONPATH")

C_MODULE = """#include <Python.h>
#ifndef VALUE
#define VALUE 1
#endif
static struct PyModuleDef def = {PyModuleDef_HEAD_INIT, "NAME", 0, -1, 0};
PyMODINIT_FUNC PyInit_NAME(void) {
  PyObject* m = PyModule_Create(&def);
  PyModule_AddIntConstant(m, "value", VALUE);
  return m;
}
"""
SETUP = """from setuptools import setup, Extension
{before}
setup(name="p", version="1", packages=[], ext_modules=[{extensions}]{more})
"""


def c_module(name):
    return C_MODULE.replace("NAME", name)


def setup_py(*extensions, before="", **more):
    """A setup.py with these extensions, each an expression; `more` are further arguments of setup()."""
    return SETUP.format(extensions=", ".join(extensions), before=before,
                        more="".join(f", {name}={value}" for name, value in more.items()))


class Project:
    """A folder with the given files, built in place.  The same path each time, as paths end up in the output."""

    def __init__(self, files):
        self._parent = tempfile.TemporaryDirectory()
        self.folder = os.path.join(self._parent.name, "project")
        self.home = os.path.join(self._parent.name, "home")
        os.mkdir(self.home)
        self._files = files
        self.reset()

    def reset(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        for name, content in self._files.items():
            path = os.path.join(self.folder, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as out:
                out.write(content)

    def close(self):
        self._parent.cleanup()

    def environment(self, socket=None, plugin=True, **variables):
        """What a build runs in: nothing of a surrounding extfarm or make, and a home of the project's own."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
        environment.update(PYTHONDONTWRITEBYTECODE="1", HOME=self.home)
        path = ([PACKAGE] if plugin else []) + OTHER_VERSIONS
        if path:
            environment["PYTHONPATH"] = os.pathsep.join(path)
        if socket is not None:
            environment["EXTFARM_SOCKET"] = socket
        environment.update(variables)
        return environment

    def run(self, *arguments, socket=None, plugin=True, **variables):
        """Runs setup.py.  Returns the CompletedProcess, with text."""
        return self.execute([sys.executable, *(arguments or BUILD)], socket=socket, plugin=plugin, **variables)

    def run_on_farm(self, *arguments, options=(), **variables):
        """Runs setup.py under the real `extfarm run`, with its embedded worker."""
        return self.execute([extfarm(), "run", *options, "--", sys.executable, *(arguments or BUILD)],
                            plugin=False, **variables)

    def execute(self, command, **named):
        return subprocess.run(command, cwd=self.folder, env=self.environment(**named), capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, check=False)

    def outputs(self, *suffixes):
        """The bytes of each file with one of the suffixes, by its path in the project."""
        found = {}
        for suffix in suffixes or (".so", ".c", ".cpp", ".o"):
            for path in glob.glob(os.path.join(self.folder, "**", "*" + suffix), recursive=True):
                with open(path, "rb") as file:
                    found[os.path.relpath(path, self.folder)] = file.read()
        return found

    def last_build(self):
        """What the coordinator says of the last build under it."""
        with open(os.path.join(self.folder, ".extfarm", "last-build.json"), encoding="utf-8") as file:
            return json.load(file)

    def where_it_ran(self):
        """How many actions of the last build the farm ran, and how many stayed here."""
        actions = self.last_build()["actions"]
        return actions["on_workers"], actions["passed_through"]

    def evaluate(self, expression, *modules):
        """What an expression over the built modules is."""
        done = self.run("-c", f"import {', '.join(modules)}; print(({expression}))", plugin=False)
        if done.returncode:
            raise AssertionError(done.stderr)
        return done.stdout.strip()


def extfarm():
    return os.path.join(PROGRAMS, "extfarm")


def version(package):
    """The version of a package that the builds find, as numbers."""
    path = dict(os.environ, PYTHONPATH=os.pathsep.join(OTHER_VERSIONS))
    done = subprocess.run([sys.executable, "-c", f"import {package}; print({package}.__version__)"], env=path, check=True,
                          capture_output=True, text=True)
    return tuple(int(number) for number in re.findall(r"\d+", done.stdout)[:2])
