"""Bindings made by cffi and pybind11 come out byte for byte as without the farm.

Knows how both are used from setup.py.  Refuses to look inside the package
under test: the bytes come from the real coordinator and worker.
"""

import unittest

from farm_case import FarmCase
from project import setup_py

CFFI = """from cffi import FFI
ffi = FFI()
ffi.cdef("int twice(int);")
ffi.set_source("_demo", '#include "twice.h"', sources=["twice.c"], include_dirs=["."])
if __name__ == "__main__":
    ffi.compile()
"""
CFFI_FILES = {"make_demo.py": CFFI, "twice.h": "int twice(int);\n", "twice.c": "int twice(int x) { return 2 * x; }\n"}
TWICE = ("_demo.lib.twice(4)", "8", ("_demo",))

PYBIND = """#include <pybind11/pybind11.h>
int twice(int);
PYBIND11_MODULE(bound, m) { m.def("twice", &twice); }
"""
PYBIND_FILES = {"bound.cpp": PYBIND, "twice.cpp": "int twice(int x) { return 2 * x; }\n",
                "thrice.cpp": "int thrice(int x) { return 3 * x; }\n"}
PYBIND_EXTENSION = ("Pybind11Extension('bound', ['bound.cpp', 'twice.cpp', 'thrice.cpp'], "
                    "extra_compile_args=['-O0', '-g0'])")
HELPERS = "from pybind11.setup_helpers import Pybind11Extension, ParallelCompile, build_ext\n"


class Cffi(FarmCase):
    def test_modules_named_in_setup(self):
        self.same_bytes({"setup.py": setup_py(cffi_modules="['make_demo.py:ffi']"), **CFFI_FILES}, 3, shows=TWICE)

    def test_compiled_by_its_own_script(self):
        self.same_bytes(CFFI_FILES, 3, commands=[("make_demo.py",)], shows=TWICE)


class Pybind11(FarmCase):
    def same_with(self, before):
        self.same_bytes({"setup.py": setup_py(PYBIND_EXTENSION, before=HELPERS + before,
                                              cmdclass="{'build_ext': build_ext}"), **PYBIND_FILES},
                        4, local=1, shows=("bound.twice(4)", "8", ("bound",)))  # pybind11 tries a flag by itself

    def test_without_its_own_parallel_compile(self):
        self.same_with("")

    def test_with_its_own_parallel_compile(self):
        self.same_with("ParallelCompile('JOBS', default=3, needs_recompile=lambda *_: True).install()")


if __name__ == "__main__":
    unittest.main()
