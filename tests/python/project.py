"""Small projects for the tests, and a way to build them with and without the plug-in.

Knows setup.py and the environment that `extfarm run` sets.  Refuses to look
into the package under test.
"""

import glob
import os
import shutil
import subprocess
import sys
import tempfile

PACKAGE = os.environ.get("EXTFARM_PYTHON") or os.path.join(
    os.path.dirname(os.path.abspath(__file__)), "..", "..", "python")
PACKAGE = os.path.abspath(PACKAGE)
_OURS = ("EXTFARM", "EXTFARM_SOCKET", "EXTFARM_DISABLE", "EXTFARM_JOBS", "EXTFARM_QUIET", "SAGE_PARALLEL_DIST")

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


def c_module(name):
    return C_MODULE.replace("NAME", name)


class Project:
    """A folder with the given files, built in place.  The same path each time, as paths end up in the output."""

    def __init__(self, files):
        self._parent = tempfile.TemporaryDirectory()
        self.folder = os.path.join(self._parent.name, "project")
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

    def run(self, *arguments, socket=None, plugin=True, **variables):
        """Runs setup.py.  Returns the CompletedProcess, with text."""
        environment = {name: value for name, value in os.environ.items() if name not in _OURS}
        environment["PYTHONDONTWRITEBYTECODE"] = "1"
        if plugin:
            path = [PACKAGE] + [entry for entry in [environment.get("PYTHONPATH")] if entry]
            environment["PYTHONPATH"] = os.pathsep.join(path)
        if socket is not None:
            environment["EXTFARM_SOCKET"] = socket
        environment.update(variables)
        return subprocess.run([sys.executable] + list(arguments or ("setup.py", "build_ext", "--inplace")),
                              cwd=self.folder, env=environment, capture_output=True, text=True, check=False)

    def outputs(self, *suffixes):
        """The bytes of each file with one of the suffixes, by its path in the project."""
        found = {}
        for suffix in suffixes or (".so", ".c", ".cpp", ".o"):
            for path in glob.glob(os.path.join(self.folder, "**", "*" + suffix), recursive=True):
                with open(path, "rb") as file:
                    found[os.path.relpath(path, self.folder)] = file.read()
        return found

    def evaluate(self, expression, *modules):
        """What an expression over the built modules is."""
        done = subprocess.run([sys.executable, "-c", f"import {', '.join(modules)}; print(({expression}))"],
                              cwd=self.folder, capture_output=True, text=True, check=True)
        return done.stdout.strip()
