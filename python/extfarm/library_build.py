"""Builds the static libraries of one build_clib: one after another, the sources of each all at once.

Knows build_clib.  Refuses to know sockets and command lines.
"""

import contextlib

from extfarm import client, compiler as compilers, numpy_compiler


def build_all(command, plain):
    """Runs `plain`, the project's own way, with the command's compilers on the farm if there is one."""
    if client.farm() is None:
        plain()
        return
    build = LibraryBuild()
    originals = {id(value): value for value in vars(command).values() if compilers.is_compiler(value)}
    undo = [compilers.fit(original, build) for original in originals.values()]
    try:
        with numpy_compiler.fitting_new_fortran(lambda made: compilers.fit(made, build)):
            plain()
    finally:
        for unfit in undo:
            unfit()


class LibraryBuild:
    """What a fitted compiler asks of its build: here nothing runs beside it that could stop it."""

    def group(self):
        return None

    @contextlib.contextmanager
    def working_on(self, _):
        yield

    def ran_something(self):
        """distutils has said "building" before it asks for anything."""

    def is_wanted(self):
        return True

    def check_wanted(self):
        """Never raises."""
