"""setuptools and Cython: what runs again after each kind of change, why, and that its bytes are
those of a build from nothing."""

import os
import sys
import sysconfig
import unittest

from farm import BUILD, contents
from rebuilds import FRESH, STILL, Rebuilds

QUICK = {"CFLAGS": "-O0 -g0", "LDSHARED": "/usr/bin/gcc -shared"}
EXTENSIONS = """from setuptools import setup, Extension
setup(name="p", version="0", packages=[], ext_modules=[
    Extension("one", ["shared.c"], define_macros=[("NAME", "one")], extra_compile_args=["-DFLAG"]),
    Extension("two", ["shared.c"], define_macros=[("NAME", "two"), ("KIND", "1")])])
"""
# One source, made into two modules by a macro.
SHARED = """#include <Python.h>
#ifndef KIND
#define KIND 0
#endif
#define TEXT(name) #name
#define STRING(name) TEXT(name)
#define GLUE(a, b) a##b
#define INIT(name) GLUE(PyInit_, name)
static struct PyModuleDef def = {PyModuleDef_HEAD_INIT, STRING(NAME), 0, -1, 0};
int kind(void) { return KIND; }
PyMODINIT_FUNC INIT(NAME)(void) { return PyModule_Create(&def); }
"""
CYTHON = """from setuptools import setup, Extension
from Cython.Build import cythonize
from Cython.Compiler import Options
Options.docstrings = True
modules = [Extension(n, [n + ".pyx"]) for n in ("left", "middle", "right")]
setup(name="p", version="0", packages=[],
      ext_modules=cythonize(modules, language_level=3, compiler_directives={"boundscheck": True}))
"""
# shared.pxd reaches left and middle; part.pxi reaches middle and right.
MODULES = {
    "setup.py": CYTHON,
    "shared.pxd": "cdef inline int seven():\n    return 7\n",
    "part.pxi": "cdef int part():\n    return 3\n",
    "left.pyx": "from shared cimport seven\ndef f():\n    return seven()\n" + 9 * "\n" + "# The end.\n",
    "middle.pyx": 'from shared cimport seven\ninclude "part.pxi"\ndef g():\n    return seven() + part()\n',
    "right.pyx": 'include "part.pxi"\ndef h(int[:] a):\n    "Of h."\n    return a[part()]\n',
}


PLATFORM = f"{sysconfig.get_platform()}-{sys.implementation.cache_tag}"
TEMPORARY, LIBRARIES = f"build/temp.{PLATFORM}/", f"build/lib.{PLATFORM}/"


def library(extension):
    return LIBRARIES + extension + sysconfig.get_config_var("EXT_SUFFIX")


def all_of(*modules):
    """What a Cython module takes: its C, its object, its library."""
    return [title for m in modules for title in (m + ".c", f"{TEMPORARY}{m}.o", library(m))]


class Setuptools(Rebuilds):
    command = BUILD
    tools = plain_tools = QUICK

    def built(self):
        # Objects are left out: of a source that two extensions share, a plain build keeps the last one's only.
        return contents(self.folder, ".c", ".so")


class SharedSource(Setuptools):
    ONE, TWO = TEMPORARY + "extfarm/one/shared.o", TEMPORARY + "shared.o"

    def setUp(self):
        super().setUp()
        self.assertEqual(self.begin({"setup.py": EXTENSIONS, "shared.c": SHARED}),
                         sorted([self.ONE, self.TWO, library("one"), library("two")]))

    def test_a_changed_define_of_one_of_two_extensions(self):
        self.replace("setup.py", '("KIND", "1")', '("KIND", "2")')
        self.assert_rebuilds(self.TWO, "its command changed: -DKIND=1 became -DKIND=2", [self.TWO, library("two")],
                             before=STILL, also={self.ONE: FRESH})

    def test_an_edit_of_their_source_reaches_both(self):
        self.replace("shared.c", "-1,", "0,")
        self.assert_rebuilds(self.ONE, "shared.c changed", [self.ONE, self.TWO, library("one"), library("two")])

    def test_a_changed_flag_of_one_extension(self):
        self.replace("setup.py", '["-DFLAG"]', '["-O1"]')
        self.assert_rebuilds(self.ONE, "its command changed: -DFLAG became -O1", [self.ONE, library("one")],
                             before=STILL)

    def test_a_renamed_source(self):
        self.remove("shared.c")
        self.write("renamed.c", SHARED)
        self.replace("setup.py", "shared.c", "renamed.c")
        one, two = TEMPORARY + "extfarm/one/renamed.o", TEMPORARY + "renamed.o"
        self.assertEqual(self.explain(self.TWO)[1], "would run, because shared.c is gone")
        self.assertEqual(self.rebuild(), sorted([one, two, library("one"), library("two")]))
        self.assertEqual(self.explain(two), ("ran, because it was never built", STILL))
        self.assertEqual(self.explain(library("two"))[0],
                         f"ran, because its command changed: {self.TWO} became {two}")
        self.assertEqual(self.explain(self.TWO)[0], "did not ask for it")
        self.assert_as_from_scratch()
        self.assertEqual(self.rebuild(), [])


class Cython(Setuptools):
    def setUp(self):
        super().setUp()
        self.assertEqual(self.begin(MODULES), sorted(all_of("left", "middle", "right")))

    def test_an_edited_comment_whose_c_stays_the_same_ends_at_the_transpile(self):
        self.replace("left.pyx", "# The end.", "# The very end.")
        self.assert_rebuilds("left.c", "left.pyx changed", ["left.c"], also={TEMPORARY + "left.o": FRESH})

    def test_a_pxd_reaches_those_that_cimport_it_and_no_others(self):
        self.replace("shared.pxd", "7", "8")
        self.assert_rebuilds("left.c", "shared.pxd changed", all_of("left", "middle"),
                             also={TEMPORARY + "middle.o": "ran, because middle.c changed"})
        self.replace("part.pxi", "3", "4")
        self.assert_rebuilds("right.c", "part.pxi changed", all_of("middle", "right"))

    def test_a_changed_directive(self):
        self.replace("setup.py", '"boundscheck": True', '"boundscheck": False')
        # Only right.pyx indexes a buffer: the C of the others is as it was.
        self.assert_rebuilds("right.c", "its options changed", ["left.c", "middle.c", *all_of("right")], before=STILL)
        self.replace("right.pyx", "def h", "# cython: wraparound=False\ndef h")
        self.replace("right.pyx", 'include "part.pxi"\n# cython: wraparound=False\n',
                     '# cython: wraparound=False\ninclude "part.pxi"\n')
        self.assert_rebuilds("right.c", "right.pyx changed", all_of("right"))

    def test_a_changed_compiler_option(self):
        self.replace("setup.py", "docstrings = True", "docstrings = False")
        # Only right.pyx has one.
        self.assert_rebuilds("right.c", "its options changed", ["left.c", "middle.c", *all_of("right")], before=STILL)

    def test_deleted_and_hand_edited_c(self):
        os.remove(os.path.join(self.folder, "left.c"))
        with open(os.path.join(self.folder, "right.c"), "a", encoding="utf-8") as out:
            out.write("/* by hand */\n")
        self.assertEqual(self.explain("right.c")[1], "would run, because its output right.c was changed")
        self.assert_rebuilds("left.c", "its output left.c is gone", ["left.c", "right.c"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
