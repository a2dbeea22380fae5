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

        if command in ("egg_info", "sdist", "build_clib"):
            cython.await_all()
        elif command == "build_py" and _copies_generated_files(dist, cython.pending_files()):
            cython.await_all()
        found = original(command)
        if command != "build_ext":
            return found
        if found not in wrapped:
            wrapped[found] = farm_class(found)
        return wrapped[found]

    setattr(dist, _MARK, True)
    dist.get_command_class = get_command_class


finalize.order = 100


def farm_class(build_ext):
    """A subclass of the project's own build_ext whose extensions are built all at once."""
    from extfarm import farm_build

    class FarmBuildExt(build_ext):
        def _build_extensions_serial(self):
            farm_build.build_all(self, super()._build_extensions_serial)

        def _build_extensions_parallel(self):
            farm_build.build_all(self, super()._build_extensions_parallel)

        def copy_file(self, infile, outfile, *args, **named):
            # distutils leaves a newer file as it is; a copy in place that somebody changed is newer.
            force = self.force
            self.force = force or farm_build.is_newer_with_other_bytes(outfile, infile)
            try:
                return super().copy_file(infile, outfile, *args, **named)
            finally:
                self.force = force

    FarmBuildExt.__name__ = build_ext.__name__
    FarmBuildExt.__qualname__ = build_ext.__qualname__
    FarmBuildExt.__module__ = build_ext.__module__
    FarmBuildExt.__doc__ = build_ext.__doc__
    return FarmBuildExt


def _copies_generated_files(dist, files):
    patterns = [pattern for group in (getattr(dist, "package_data", None) or {}).values() for pattern in group]
    return any(fnmatch.fnmatch(os.path.basename(name), os.path.basename(pattern))
               for pattern in patterns for name in files)
