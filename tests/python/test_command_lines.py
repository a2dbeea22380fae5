"""Every way to call build_ext makes the same files as without the farm, in the same places.

Knows setuptools' command lines.  Refuses to look inside the package under
test: the bytes come from the real coordinator and worker.
"""

import unittest

from farm_case import FarmCase
from project import c_module, setup_py

FILES = {"setup.py": setup_py("Extension('pkg.one', ['one.c', 'more.c'])", "Extension('two', ['sub/two.c'])"),
         "one.c": c_module("one"), "more.c": "int more;\n", "sub/two.c": c_module("two"), "pkg/__init__.py": ""}


class CommandLines(FarmCase):
    def same(self, *words):
        return self.same_bytes(FILES, 5, commands=[("setup.py", "build_ext", *words)])

    def test_not_in_place(self):
        self.same()

    def test_parallel(self):
        self.same("--inplace", "--parallel", "2")

    def test_jobs(self):
        self.same("-i", "-j2")

    def test_debug_and_macros(self):
        self.same("--inplace", "--debug", "--define", "A=1,B", "--undef", "NDEBUG")

    def test_force_after_a_build_is_decided_by_content_too(self):
        project = self.same("--force", "--inplace")
        again = project.run_on_farm("setup.py", "build_ext", "--force", "--inplace")
        self.assertEqual((again.returncode, project.where_it_ran()), (0, (0, 0)), again.stderr)

    def test_a_relative_build_temp(self):
        project = self.same("--inplace", "--build-temp", "made/objects")
        self.assertIn("made/objects/sub/two.o", project.outputs())

    def test_an_absolute_build_temp_and_build_lib(self):
        project = self.same("--build-temp", "FOLDER/made/objects", "--build-lib", "FOLDER/out")
        self.assertIn("made/objects/sub/two.o", project.outputs())

    def test_an_absolute_source(self):
        absolute = FILES["setup.py"].replace("'sub/two.c'", "__import__('os').path.abspath('sub/two.c')")
        self.same_bytes(dict(FILES, **{"setup.py": absolute}), 5)

    def test_a_wheel(self):
        self.same_bytes(FILES, 5, commands=[("setup.py", "bdist_wheel")])

    def test_an_installation(self):
        self.same_bytes(FILES, 5, commands=[
            ("setup.py", "install", "--root", "FOLDER/image", "--single-version-externally-managed")])

    def test_a_second_plain_build_after_a_farmed_one_has_nothing_to_do(self):
        project = self.same_bytes(FILES, 5)
        again = project.run("setup.py", "-v", "build_ext", "--inplace", plugin=False)
        self.assertEqual((again.returncode, again.stdout.count("(up-to-date)")), (0, 2), again.stdout + again.stderr)


if __name__ == "__main__":
    unittest.main()
