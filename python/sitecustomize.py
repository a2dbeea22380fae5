"""Lets `extfarm run` replace Cython's cythonize, in the build's own process only.

Knows one module name to watch for, and that another sitecustomize may stand
behind this one.  Refuses to import anything of weight: every interpreter
started under `extfarm run` passes through here.
"""

import os
import sys


class _CythonFinder:
    """Finds Cython.Build.Dependencies as the others would, and has it fitted when it has been run."""

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name != "Cython.Build.Dependencies":
            return None
        sys.meta_path.remove(cls)
        for finder in list(sys.meta_path):
            spec = finder.find_spec(name, path, target)
            if spec is not None:
                if spec.loader is not None:
                    spec.loader = _FittingLoader(spec.loader)
                return spec
        return None


class _FittingLoader:
    def __init__(self, loader):
        self._loader = loader

    def __getattr__(self, name):
        return getattr(self._loader, name)

    def create_module(self, spec):
        return self._loader.create_module(spec)

    def exec_module(self, module):
        module.__spec__.loader = module.__loader__ = self._loader
        self._loader.exec_module(module)
        try:
            from extfarm import cython
        except ImportError:
            return  # PYTHONPATH was changed since: plain Cython then.
        cython.fit(module)


def _run_next():
    """Runs the sitecustomize that would have been found without this folder on the path."""
    from importlib.machinery import PathFinder
    from importlib.util import module_from_spec

    here = os.path.dirname(os.path.abspath(__file__))
    rest = [folder for folder in sys.path if os.path.abspath(folder) != here]
    spec = PathFinder.find_spec("sitecustomize", rest)
    if spec is None or spec.loader is None:
        return
    module = module_from_spec(spec)
    sys.modules["sitecustomize"] = module
    spec.loader.exec_module(module)


if os.environ.get("EXTFARM_SOCKET") and os.environ.get("EXTFARM_DISABLE") != "1":
    sys.meta_path.insert(0, _CythonFinder)
_run_next()
