"""What projects do with Cython comes out byte for byte as without the farm: the C, the headers, the pages, the code.

Knows setup.py files as people write them.  Refuses to look inside the package
under test: the bytes come from the real coordinator and worker.
"""

import unittest

from farm_case import FarmCase
from project import BUILD, Project, setup_py, version

IMPORT = "from Cython.Build import cythonize"
X = {"x.pyx": "def f(a):\n    return a / 2\n"}


def cythonized(arguments, before=""):
    return (f"from setuptools import setup, Extension\n{IMPORT}\n{before}\n"
            f"setup(name='p', version='1', packages=[], ext_modules=cythonize({arguments}))\n")


class Cythonize(FarmCase):
    def same(self, arguments, files, on_workers, **named):
        before = named.pop("before", "")
        return self.same_bytes({"setup.py": cythonized(arguments, before), **files}, on_workers, **named)

    def test_globs_force_and_nthreads(self):
        self.same("['pkg/**/*.pyx', 'x.py'], exclude=['pkg/not*.pyx'], force=True, nthreads=2, language_level=3",
                  {"pkg/__init__.py": "", "pkg/a.pyx": "x = 1\n", "pkg/sub/__init__.py": "", "pkg/not_this.pyx": "!",
                   "pkg/sub/b.pyx": "from pkg.a import x\ny = x + 1\n", "x.py": "def g(x):\n    return x\n"}, 9,
                  shows=("pkg.sub.b.y", "2", ("pkg.sub.b",)))

    def test_aliases_and_distutils_comments(self):
        self.same("['x.pyx', 'plus.pyx'], aliases={'HERE': ['inc'], 'MORE': ['extra.c']}, language_level=3",
                  {"x.pyx": "# distutils: include_dirs = HERE\n# distutils: sources = MORE\n"
                            "# cython: boundscheck=False, wraparound=False\n"
                            "cdef extern from 'extra.h':\n    int extra()\ny = extra()\n",
                   "plus.pyx": "# distutils: language = c++\n# distutils: define_macros = A=1 B=\n"
                               "from libcpp.string cimport string\ncdef string s = b'ab'\nsize = s.size()\n",
                   "inc/extra.h": "int extra(void);\n", "extra.c": "int extra(void) { return 6; }\n"}, 7,
                  shows=("x.y, plus.size", "(6, 2)", ("x", "plus")))

    @unittest.skipIf(version("setuptools") >= (84, 0) and version("Cython") >= (3, 0),
                     "Cython itself fails there: it takes the hash of an Extension, which has none any more")
    def test_exclude_failures(self):
        self.same("['*.pyx'], exclude_failures=True, language_level=3", {"bad.pyx": "def f(:\n", "x.pyx": "y = 1\n"}, 3,
                  shows=("x.y", "1", ("x",)))

    def test_annotated_pages(self):
        project = self.same("['x.pyx'], annotate=True, language_level=3, compiler_directives={'cdivision': True}", X, 3)
        self.assertTrue(project.outputs(".html"))

    def test_language_levels(self):
        self.same("['x.pyx'], language_level=2) + cythonize(['z.pyx'], language_level='3str'",
                  {**X, "z.pyx": "def f(a):\n    return a / 2, 'text'\n"}, 6,
                  shows=("x.f(3), z.f(3)[0]", "(1.5, 1.5)", ("x", "z")))

    def test_cplus_and_a_folder_for_what_is_generated(self):
        self.same("[Extension('x', ['src/x.pyx'], language='c++')], language_level=3, build_dir='made'",
                  {"src/x.pyx": X["x.pyx"]}, 3)

    def test_public_and_api_declarations(self):
        project = self.same(
            "['*.pyx'], language_level=3",
            {"api.pyx": "cdef public int shown = 3\ncdef api int seven():\n    return 7\n",
             "user.pyx": "cdef extern from 'api_api.h':\n    int import_api() except -1\n    int seven()\n"
                         "import_api()\nx = seven()\n"}, 6, shows=("user.x", "7", ("user",)))
        self.assertEqual(sorted(project.outputs(".h")), ["api.h", "api_api.h"])

    def test_included_and_cimported_files(self):
        self.same("['pkg/*.pyx'], language_level=3, include_path=['shared']",
                  {"pkg/__init__.pxd": "cdef enum:\n    LIMIT = 9\n", "pkg/__init__.py": "",
                   "pkg/a.pxd": "cdef class Base:\n    cdef int n\n    cdef int get(self)\n",
                   "pkg/a.pyx": "include 'part.pxi'\ncdef class Base:\n    def __init__(self):\n        self.n = PART\n"
                                "    cdef int get(self):\n        return self.n\n",
                   "shared/part.pxi": "DEF PART = 5\n",
                   "pkg/b.pyx": "from pkg.a cimport Base\nfrom pkg cimport LIMIT\ncdef class Child(Base):\n"
                                "    def total(self):\n        return self.get() + LIMIT\n"}, 6,
                  shows=("pkg.b.Child().total()", "14", ("pkg.b",)))

    def test_options_set_by_the_build_script(self):
        self.same("['x.pyx'], language_level=3", X, 3,
                  before="from Cython.Compiler import Options\nOptions.docstrings = False\nOptions.emit_code_comments = "
                         "False\nOptions.get_directive_defaults()['binding'] = False\n")

    def test_options_that_are_sets_leave_a_transpile_up_to_date(self):
        project = self.same("['x.pyx'], language_level=3", X, 3,
                            before="from Cython.Compiler import Options\nOptions.of_ours = [set('abcdefgh')]\n")
        again = project.run_on_farm()
        self.assertEqual(again.returncode, 0, again.stderr)
        self.assertEqual(project.last_build()["actions"]["fresh"], 3, again.stderr)

    def test_extensions_made_by_the_build_script(self):
        self.same("['x.pyx'], language_level=3, create_extension=own", X, 3,
                  before="from Cython.Build.Dependencies import default_create_extension\ndef own(template, named):\n"
                         "    named['define_macros'] = [('OWN', '1')]\n"
                         "    return default_create_extension(template, named)\n")


class CythonsBuildExt(FarmCase):
    FILES = {**X, "plus.pyx": "# distutils: language = c++\ny = 2\n"}

    def same_with(self, module, on_workers, *extensions, commands=(BUILD,)):
        extensions = extensions or ("Extension('x', ['x.pyx'])", "Extension('plus', ['plus.pyx'], language='c++')")
        self.same_bytes({"setup.py": setup_py(*extensions, before=f"from {module} as own",
                                              cmdclass="{'build_ext': own}"), **self.FILES},
                        on_workers, commands=commands, shows=("plus.y", "2", ("plus",)))

    def test_old(self):
        self.same_with("Cython.Distutils.old_build_ext import old_build_ext", 6)

    def test_old_with_a_source_that_cython_refuses(self):
        project = Project({"setup.py": setup_py("Extension('bad', ['bad.pyx'])", before=
                                                "from Cython.Distutils.old_build_ext import old_build_ext as own",
                                                cmdclass="{'build_ext': own}"), "bad.pyx": "def f(:\n"})
        self.addCleanup(project.close)
        plain = project.run(plugin=False)
        project.reset()
        farmed = project.run_on_farm()
        self.assertEqual(farmed.returncode, plain.returncode)
        self.assertIn(plain.stderr.splitlines()[-1], farmed.stderr.splitlines())
        self.assertEqual(farmed.stderr.count("bad.pyx:1:6: Expected"), 1, farmed.stderr)

    def test_new(self):
        self.same_with("Cython.Distutils.build_ext import new_build_ext", 6)

    def test_new_with_options(self):
        self.same_with("Cython.Distutils.build_ext import new_build_ext", 6,
                       "Extension('x', ['x.pyx'])", "Extension('plus', ['plus.pyx'], language='c++')",
                       commands=[("setup.py", "build_ext", "--inplace", "--force", "-j2")])

    def test_by_setuptools_alone(self):
        self.same_bytes({"setup.py": setup_py("Extension('x', ['x.pyx'])", "Extension('plus', ['plus.pyx'])"),
                         **self.FILES}, 6, shows=("plus.y", "2", ("plus",)))


if __name__ == "__main__":
    unittest.main()
