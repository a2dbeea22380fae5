"""A build on the farm makes the same files as a plain one.

Knows only setup.py builds and their outputs.  Refuses to look inside.
"""

import os
import unittest

from front_door import FrontDoor
from project import Project, c_module

C_SETUP = """from setuptools import setup, Extension
setup(name="p", version="0", packages=[], ext_modules=[
    Extension("one", ["one.c"]), Extension("two", ["two.c", "more.c"], define_macros=[("VALUE", "2")])])
"""
CXX_SETUP = """from setuptools import setup, Extension
setup(name="p", version="0", packages=[], ext_modules=[
    Extension("plus", ["plus.cpp", "other.cc"], language="c++", extra_compile_args=["-std=c++17"])])
"""
CYTHON_SETUP = """from setuptools import setup, Extension
from Cython.Build import cythonize
setup(name="p", version="0", packages=["pkg"], ext_modules=cythonize(
    [Extension("pkg.a", ["pkg/a.py"]), Extension("pkg.b", ["pkg/b.pyx"]),
     Extension("pkg.c", ["pkg/c.pyx"], language="c++", define_macros=[("X", "1")])], language_level=3))
"""
CYTHON_FILES = {
    "setup.py": CYTHON_SETUP, "pkg/__init__.py": "", "pkg/a.py": "def f(x):\n    return x + 1\n",
    "pkg/b.pxd": "cdef int twice(int x)\n",
    "pkg/b.pyx": "cdef int twice(int x):\n    return 2 * x\n\ndef g(int x):\n    return twice(x)\n",
    "pkg/c.pyx": "from pkg.b cimport twice\n\ndef h(int x):\n    return twice(x) + 1\n"}


class SameBytes(unittest.TestCase):
    def compare(self, files, kinds):
        project = Project(files)
        self.addCleanup(project.close)
        plain = project.run(plugin=False)
        self.assertEqual(plain.returncode, 0, plain.stderr)
        expected = project.outputs()
        self.assertTrue([name for name in expected if name.endswith(".so")])
        project.reset()
        with FrontDoor() as door:
            farmed = project.run(socket=door.path)
            self.assertEqual(farmed.returncode, 0, farmed.stdout + farmed.stderr)
            self.assertEqual(sorted(door.kinds("submit")), sorted(kinds))
        self.assertEqual(set(project.outputs()), set(expected))
        for name, content in project.outputs().items():
            self.assertEqual(content, expected[name], name)
        return project, farmed

    def test_c(self):
        project, farmed = self.compare({"setup.py": C_SETUP, "one.c": c_module("one"), "two.c": c_module("two"),
                                        "more.c": "int more(void) { return 3; }\n"}, ["compile"] * 3 + ["link"] * 2)
        self.assertIn("building 'one' extension", farmed.stdout + farmed.stderr)
        self.assertRegex(farmed.stdout, r"Total time spent compiling C/C\+\+ extensions:  \d+\.\d\d seconds\.\n")
        self.assertEqual(project.evaluate("one.value, two.value", "one", "two"), "(1, 2)")

    def test_cxx(self):
        self.compare({"setup.py": CXX_SETUP, "plus.cpp": c_module("plus"),
                      "other.cc": "#include <string>\nstd::string s(\"x\");\n"}, ["compile"] * 2 + ["link"])

    def test_cython(self):
        project, _ = self.compare(CYTHON_FILES, ["cythonize"] * 3 + ["compile"] * 3 + ["link"] * 3)
        self.assertEqual(project.evaluate("pkg.a.f(1), pkg.b.g(4), pkg.c.h(4)", "pkg.a", "pkg.b", "pkg.c"),
                         "(2, 8, 9)")

    def test_what_is_up_to_date_is_asked_for_and_not_announced(self):
        project, _ = self.compare({"setup.py": C_SETUP, "one.c": c_module("one"), "two.c": c_module("two"),
                                   "more.c": "int more(void) { return 3; }\n"}, ["compile"] * 3 + ["link"] * 2)
        before = project.outputs()

        def all_but_more(action, door):
            return None if action["outputs"][0].endswith("more.o") else {"result": "fresh"}

        with FrontDoor(all_but_more) as door:
            again = project.run(socket=door.path)
            self.assertEqual(again.returncode, 0, again.stderr)
            self.assertEqual(sorted(door.kinds("submit")), ["compile"] * 3 + ["link"] * 2)
        self.assertEqual(again.stdout.count("building 'two' extension"), 1, again.stdout)
        self.assertEqual(again.stdout.count("building 'one' extension"), 0, again.stdout)
        self.assertEqual(again.stdout.count("gcc "), 1, again.stdout)
        self.assertEqual(project.outputs(), before)
        with FrontDoor(lambda action, door: {"result": "fresh"}) as door:
            again = project.run("setup.py", "-v", "build_ext", "--inplace", socket=door.path)
        self.assertEqual(again.stdout.count("skipping 'one' extension (up-to-date)"), 1, again.stdout)

    def test_a_library_changed_by_hand_beside_the_sources_is_copied_again(self):
        project, _ = self.compare({"setup.py": C_SETUP, "one.c": c_module("one"), "two.c": c_module("two"),
                                   "more.c": "int more(void) { return 3; }\n"}, ["compile"] * 3 + ["link"] * 2)
        before = project.outputs()
        (name,) = [path for path in before if path.startswith("one.") and path.endswith(".so")]
        with open(os.path.join(project.folder, name), "ab") as out:
            out.write(b"x")
        with FrontDoor(lambda action, door: {"result": "fresh"}) as door:
            again = project.run(socket=door.path)
        self.assertEqual(again.returncode, 0, again.stderr)
        self.assertEqual(project.outputs(), before)

    def test_a_library_built_again_within_a_second_is_copied_again(self):
        """distutils compares, and copies, times in whole seconds."""
        project, _ = self.compare({"setup.py": C_SETUP, "one.c": c_module("one"), "two.c": c_module("two"),
                                   "more.c": "int more(void) { return 3; }\n"}, ["compile"] * 3 + ["link"] * 2)
        (copy,) = [path for path in project.outputs() if path.startswith("one.") and path.endswith(".so")]
        (library,) = [path for path in project.outputs() if path.startswith("build/") and path.endswith("/" + copy)]
        second = int(os.stat(os.path.join(project.folder, copy)).st_mtime)
        with open(os.path.join(project.folder, library), "ab") as out:
            out.write(b"x")
        os.utime(os.path.join(project.folder, library), ns=(second * 10**9 + 999_999_999,) * 2)
        with FrontDoor(lambda action, door: {"result": "fresh"}) as door:
            again = project.run(socket=door.path)
        self.assertEqual(again.returncode, 0, again.stderr)
        self.assertEqual(project.outputs()[copy], project.outputs()[library])


if __name__ == "__main__":
    unittest.main()
