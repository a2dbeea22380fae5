"""The setuptools plug-in: gives one Distribution a build_ext that builds on the farm.

Knows when to act and which class to derive from.  Refuses to change any class
or module: what it sets, it sets on the one Distribution it was given.
"""

import fnmatch
import os

from extfarm import client

_MARK = "_extfarm_get_command_class"


def finalize(dist):
    """Entry point of setuptools.finalize_distribution_options."""
    if not client.wanted() or _MARK in vars(dist):
        return
    original = dist.get_command_class
    wrapped = {}

    def get_command_class(command):
        from extfarm import cython

        if command in ("egg_info", "sdist"):
            cython.await_all()
        elif command == "build_py" and _copies_generated_files(dist, cython.pending_files()):
            cython.await_all()
        found = original(command)
        if command not in _CLASSES:
            return found
        if found not in wrapped:
            wrapped[found] = _named_as(found, _CLASSES[command](found))
        return wrapped[found]

    from extfarm import outside

    outside.watch()
    setattr(dist, _MARK, True)
    dist.get_command_class = get_command_class


finalize.order = 100


def _build_ext(base):
    """A subclass of the project's own build_ext whose extensions are built all at once."""
    from extfarm import farm_build, old_cython

    class FarmBuildExt(base):
        def build_extensions(self):
            with farm_build.timed():
                super().build_extensions()

        def build_extension(self, ext):
            farm_build.build_one(self, ext, super().build_extension)

        if hasattr(base, "cython_sources"):
            def cython_sources(self, sources, extension):
                return old_cython.sources(self, sources, extension, super().cython_sources)

        def _build_extensions_serial(self):
            farm_build.build_all(self, super()._build_extensions_serial)

        def _build_extensions_parallel(self):
            farm_build.build_all(self, super()._build_extensions_parallel)

        def copy_file(self, infile, outfile, *args, **named):
            force = self.force
            self.force = force or farm_build.is_stale_copy(outfile, infile)
            try:
                return super().copy_file(infile, outfile, *args, **named)
            finally:
                self.force = force

    return FarmBuildExt


def _build_clib(base):
    """A subclass of the project's own build_clib whose compiles are the farm's."""
    from extfarm import farm_build

    class FarmBuildClib(base):
        def build_libraries(self, libraries):
            farm_build.build_libraries(self, libraries, super().build_libraries)

    return FarmBuildClib


_CLASSES = {"build_ext": _build_ext, "build_clib": _build_clib}


def _named_as(found, wrapped):
    for name in ("__name__", "__qualname__", "__module__", "__doc__"):
        setattr(wrapped, name, getattr(found, name))
    return wrapped


def _copies_generated_files(dist, files):
    patterns = [pattern for group in (getattr(dist, "package_data", None) or {}).values() for pattern in group]
    return any(fnmatch.fnmatch(os.path.basename(name), os.path.basename(pattern))
               for pattern in patterns for name in files)
