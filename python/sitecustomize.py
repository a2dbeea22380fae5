"""Reaches the builds under `extfarm run` that would not find the plug-in: Cython's callers, pip's isolated backends.

Knows the module names to watch for, and that another sitecustomize may stand
behind this one.  Refuses to import anything of weight: every interpreter
started under `extfarm run` passes through here.
"""

import os
import sys

_HERE = os.path.dirname(os.path.abspath(__file__))


def _fit_cython(dependencies):
    try:
        from extfarm import cython
    except ImportError:
        return  # PYTHONPATH was changed since: plain Cython then.
    cython.fit(dependencies)


def _fit_cython_command(main):
    if not os.environ.get("EXTFARM_SOCKET"):
        return  # A command alone is not worth a coordinator of its own.
    try:
        from extfarm import cython_command
    except ImportError:
        return
    cython_command.fit(main)


def _fit_pip(build_env):
    """Keeps this folder on the PYTHONPATH that pip sets for an isolated backend."""
    plain = getattr(getattr(build_env, "BuildEnvironment", None), "__enter__", None)
    if plain is None:
        return  # A pip of another make: its isolated builds are then plain ones.

    def enter(self):
        entered = plain(self)
        rest = os.environ.get("PYTHONPATH")
        os.environ["PYTHONPATH"] = os.pathsep.join([_HERE] + ([rest] if rest else []))
        return entered

    build_env.BuildEnvironment.__enter__ = enter


_FITTERS = {"Cython.Build.Dependencies": _fit_cython, "Cython.Compiler.Main": _fit_cython_command,
            "pip._internal.build_env": _fit_pip}


class _Finder:
    """Finds the modules to be fitted as the others would, and has them fitted when they have been run."""

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name not in _FITTERS:
            return None
        for finder in list(sys.meta_path):
            spec = finder.find_spec(name, path, target) if finder is not cls else None
            if spec is not None:
                if spec.loader is not None:
                    spec.loader = _FittingLoader(spec.loader, _FITTERS[name])
                return spec
        return None


class _FittingLoader:
    def __init__(self, loader, fit):
        self._loader = loader
        self._fit = fit

    def __getattr__(self, name):
        return getattr(self._loader, name)

    def create_module(self, spec):
        return self._loader.create_module(spec)

    def exec_module(self, module):
        module.__spec__.loader = module.__loader__ = self._loader
        self._loader.exec_module(module)
        self._fit(module)


def _run_next():
    """Runs the sitecustomize that would have been found without this folder on the path."""
    from _frozen_importlib import module_from_spec  # importlib itself would be one more module for everybody
    from _frozen_importlib_external import PathFinder

    rest = [folder for folder in sys.path if os.path.abspath(folder) != _HERE]
    spec = PathFinder.find_spec("sitecustomize", rest)
    if spec is None or spec.loader is None:
        return
    module = module_from_spec(spec)
    sys.modules["sitecustomize"] = module
    spec.loader.exec_module(module)


def _is_asked_for():
    """As extfarm.client.wanted(), which is too heavy for every interpreter's start."""
    variables = os.environ.get
    return not variables("EXTFARM_DISABLE") and bool(
        variables("EXTFARM_SOCKET") or variables("EXTFARM") == "1" or variables("SAGE_PARALLEL_DIST"))


if _is_asked_for():
    sys.meta_path.insert(0, _Finder)
_run_next()
