"""Found first on the PYTHONPATH of `extfarm run`: lets the farm's cythonize take Cython's place in
this process once Cython.Build is imported, then runs the sitecustomize that would have been found.
"""

import importlib.abc
import importlib.machinery
import importlib.util
import os
import sys

_FOLDER = os.path.dirname(os.path.abspath(__file__))


class _AfterCythonBuild(importlib.abc.MetaPathFinder):
    """Steps aside for every module but Cython.Build, and there only adds a step after its import."""

    def find_spec(self, name, path=None, target=None):
        if name != "Cython.Build":
            return None
        sys.meta_path.remove(self)
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        if spec is None or spec.loader is None:
            return spec
        execute = spec.loader.exec_module

        def exec_module(module):
            execute(module)
            from extfarm import cython

            cython.install()

        spec.loader.exec_module = exec_module
        return spec


def _run_the_next():
    others = [folder for folder in sys.path if os.path.abspath(folder or ".") != _FOLDER]
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize", others)
    if spec is not None and spec.loader is not None:
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)


if os.environ.get("EXTFARM_SOCKET") and not os.environ.get("EXTFARM_DISABLE"):
    sys.meta_path.insert(0, _AfterCythonBuild())
_run_the_next()
