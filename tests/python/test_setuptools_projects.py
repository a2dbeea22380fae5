"""What projects do with setuptools comes out byte for byte as without the farm.

Knows setup.py files as people write them.  Refuses to look inside the package
under test: the bytes come from the real coordinator and worker.
"""

import unittest

from farm_case import FarmCase
from project import c_module, setup_py

SUPER = "super().{name}({arguments})"
LIMITED = """#define Py_LIMITED_API 0x03080000
#include <Python.h>
static struct PyModuleDef def = {PyModuleDef_HEAD_INIT, "stable", 0, -1, 0};
PyMODINIT_FUNC PyInit_stable(void) { return PyModule_Create(&def); }
"""
SWIG = """%module counted
%inline %{ int twice(int x) { return 2 * x; } %}
"""
DEPENDANT = """#include <Python.h>
extern int base_value;
static struct PyModuleDef def = {PyModuleDef_HEAD_INIT, "user", 0, -1, 0};
PyMODINIT_FUNC PyInit_user(void) {
  PyObject* m = PyModule_Create(&def);
  PyModule_AddIntConstant(m, "value", base_value);
  return m;
}
"""
OWN_BUILD_EXT = """from setuptools.command.build_ext import build_ext
import os, sys
class own(build_ext):
{body}
"""


def own_build_ext(body):
    return OWN_BUILD_EXT.format(body="".join("    " + line + "\n" for line in body.splitlines()))


def two():
    return {"one.c": c_module("one"), "two.c": c_module("two")}


TWO = ("Extension('one', ['one.c'])", "Extension('two', ['two.c'])")
BOTH = ("one.value, two.value", "(1, 1)", ("one", "two"))


class Extensions(FarmCase):
    def test_plain(self):
        self.same_bytes({"setup.py": setup_py("Extension('one', ['one.c', 'src/more.c'], define_macros=[('VALUE', '7')], "
                                              "undef_macros=['NDEBUG'], include_dirs=['inc'], depends=['inc/more.h'])",
                                              "Extension('pkg.two', ['two.c'], extra_compile_args=['-O1', '-g'])"),
                         "src/more.c": '#include "more.h"\nint more(void) { return MORE; }\n',
                         "inc/more.h": "#define MORE 3\n", "pkg/__init__.py": "", **two()},
                        5, shows=("one.value, pkg.two.value", "(7, 1)", ("one", "pkg.two")))

    def test_cxx(self):
        self.same_bytes({"setup.py": setup_py("Extension('one', ['one.cpp', 'other.cc', 'c_part.c'], language='c++', "
                                              "define_macros=[('TEXT', '\"a b\"')])"),
                         "one.cpp": c_module("one"), "c_part.c": "int c_part = 1;\n",
                         "other.cc": "#include <string>\nstd::string s(TEXT);\n"}, 4)

    def test_an_optional_extension_that_fails_is_left_out(self):
        # Not with --inplace, where setuptools before 60 looks for the file that there is not.
        self.same_bytes({"setup.py": setup_py("Extension('bad', ['bad.c'], optional=True)", *TWO), "bad.c": "int x = y;",
                         **two()}, 4, commands=[("setup.py", "build_ext", "--build-lib", ".")], shows=BOTH)

    def test_the_limited_api(self):
        project = self.same_bytes({"setup.py": setup_py("Extension('stable', ['stable.c'], py_limited_api=True)"),
                                   "stable.c": LIMITED}, 2)
        self.assertIn("stable.abi3.so", project.outputs())

    def test_swig(self):
        for language, options in (("c", ""), ("c++", "swig_opts=['-c++'], language='c++'")):
            with self.subTest(language):
                self.same_bytes({"setup.py": setup_py(f"Extension('_counted', ['counted.i'], {options})"),
                                 "counted.i": SWIG}, 2, local=1, shows=("counted.twice(4)", "8", ("counted",)))

    def test_one_source_with_two_definitions(self):
        extensions = [f"Extension('{name}', ['mod.c'], define_macros=[('VALUE', '{value}'), ('INIT', 'PyInit_{name}')])"
                      for name, value in (("one", 1), ("two", 2))]
        self.same_bytes({"setup.py": setup_py(*extensions), "mod.c": c_module("mod").replace("PyInit_mod", "INIT")}, 4,
                        shows=("one.value, two.value", "(1, 2)", ("one", "two")))

    def test_names_with_spaces_and_beyond_ascii(self):
        self.same_bytes({"setup.py": setup_py(
            "Extension('one', ['a folder/one file.c', 'größe/ähre.c'], include_dirs=['größe'], "
            "define_macros=[('TEXT', '\"grün und $gelb\"')])", "Extension('模块', ['two.c'])"),
            "a folder/one file.c": c_module("one") + '#include "x y.h"\n', "größe/x y.h": "int included;\n",
            "größe/ähre.c": "const char* text = TEXT;\n",
            "two.c": c_module("two").replace("PyInit_two", "PyInitU_9jqwo00d")}, 5)


class Libraries(FarmCase):
    FILES = {"base.c": "int base_value = 5;\n", "more.c": "int more_value = 6;\n", "user.c": DEPENDANT}

    def test_build_clib(self):
        self.same_bytes({"setup.py": setup_py("Extension('user', ['user.c'])", libraries="[('base', {'sources': "
                                              "['base.c', 'more.c'], 'macros': [('M', '1')]})]"), **self.FILES},
                        5, commands=[("setup.py", "build_clib", "build_ext", "--inplace")],
                        shows=("user.value", "5", ("user",)))

    def test_an_extension_that_links_the_one_before_it(self):
        link = ("extra_objects=['libbase' + __import__('sysconfig').get_config_var('EXT_SUFFIX')], "
                "extra_link_args=['-Wl,-rpath,$ORIGIN']")
        self.same_bytes({"setup.py": setup_py("Extension('libbase', ['base.c'])",
                                              f"Extension('user', ['user.c'], {link})",
                                              before=own_build_ext(
                                                  "def finalize_options(self):\n"
                                                  "    super().finalize_options()\n"
                                                  "    self.build_lib = '.'"), cmdclass="{'build_ext': own}"),
                         **self.FILES}, 4, commands=[("setup.py", "build_ext")], shows=("user.value", "5", ("user",)))

    def test_an_extension_that_finds_the_one_before_it_by_library_name(self):
        self.same_bytes({"setup.py": setup_py(
            "Extension('libbase', ['base.c'])",
            "Extension('user', ['user.c'], libraries=['base'], library_dirs=['.'], "
            "extra_link_args=['-Wl,-rpath,$ORIGIN'])",
            before=own_build_ext("def get_ext_filename(self, name):\n"
                                 "    found = super().get_ext_filename(name)\n"
                                 "    return 'libbase.so' if name == 'libbase' else found\n"
                                 "def finalize_options(self):\n"
                                 "    super().finalize_options()\n"
                                 "    self.build_lib = '.'"), cmdclass="{'build_ext': own}"),
            **self.FILES}, 4, commands=[("setup.py", "build_ext")], shows=("user.value", "5", ("user",)))


class OwnBuildExt(FarmCase):
    def same_with(self, body, on_workers=4, local=0, shows=BOTH, **files):
        return self.same_bytes({"setup.py": setup_py(*TWO, before=own_build_ext(body), cmdclass="{'build_ext': own}"),
                                **two(), **files}, on_workers, local=local, shows=shows)

    def test_build_extension(self):
        self.same_with("def build_extension(self, ext):\n"
                       "    ext.define_macros.append(('VALUE', str(len(ext.name))))\n"
                       "    self.compiler.compiler_so = list(self.compiler.compiler_so) + ['-DONLY_' + ext.name]\n"
                       "    super().build_extension(ext)\n"
                       "    path = self.get_ext_fullpath(ext.name)\n"
                       "    open(ext.name + '.size', 'w').write(str(os.path.getsize(path)))",
                       shows=("one.value, two.value", "(3, 3)", ("one", "two")))

    def test_build_extensions(self):
        self.same_with("def build_extensions(self):\n"
                       "    if self.compiler.compiler_type == 'unix':\n"
                       "        self.compiler.compiler_so.append('-DVALUE=9')\n"
                       "    for ext in self.extensions:\n"
                       "        ext.extra_link_args = ['-Wl,-O1']\n"
                       "    super().build_extensions()",
                       shows=("one.value, two.value", "(9, 9)", ("one", "two")))

    def test_build_extensions_that_loops_by_itself(self):
        self.same_with("def build_extensions(self):\n"
                       "    self.done = 0\n"
                       "    for ext in self.extensions:\n"
                       "        self.build_extension(ext)\n"
                       "    open('done', 'w').write(str(self.done))\n"
                       "def build_extension(self, ext):\n"
                       "    super().build_extension(ext)\n"
                       "    self.done += 1")

    def test_build_extensions_with_threads_of_its_own(self):
        self.same_with("def build_extensions(self):\n"
                       "    from multiprocessing.pool import ThreadPool\n"
                       "    with ThreadPool(2) as pool:\n"
                       "        pool.map(self.build_extension, self.extensions)")

    def test_get_ext_filename(self):
        project = self.same_with("def get_ext_filename(self, name):\n"
                                 "    return super().get_ext_filename(name).split('.')[0] + '.so'")
        self.assertIn("one.so", project.outputs())

    def test_run_that_compiles_a_probe_first(self):
        self.same_with("def build_extensions(self):\n"
                       "    self.compiler.compile(['conftest.c'], output_dir='probe')\n"
                       "    super().build_extensions()", local=1, **{"conftest.c": "int x;\n"})

    def test_a_patched_compile_of_the_compiler(self):
        self.same_with("def build_extensions(self):\n"
                       "    plain = self.compiler._compile\n"
                       "    def own_compile(obj, src, ext, cc_args, extra_postargs, pp_opts):\n"
                       "        plain(obj, src, ext, cc_args, extra_postargs + ['-DVALUE=4'], pp_opts)\n"
                       "    self.compiler._compile = own_compile\n"
                       "    super().build_extensions()",
                       shows=("one.value, two.value", "(4, 4)", ("one", "two")))


if __name__ == "__main__":
    unittest.main()
