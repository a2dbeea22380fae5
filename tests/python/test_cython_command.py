"""The cython command, started by a build as numpy, scipy and makefiles do: its transpile runs on the farm, all else stays.

Knows command lines and what last-build.json counts.  Refuses to look inside
the package under test.
"""

import os
import sys
import unittest

from farm_case import FarmCase
from project import Project, setup_py

# As in scipy's tools/cythonize.py, where no program is named cython.
AS_SCIPY = [sys.executable, "-c",
            "import sys; from Cython.Compiler.Main import setuptools_main as main; sys.exit(main())"]
AS_NUMPY = [sys.executable, "-m", "cython"]
X = "def f(a):\n    return a / 2\n"
SUMMING = "cdef public int shown = 3\ncdef api int seven():\n    return 7\n"


class CythonCommand(FarmCase):
    def project(self, files):
        project = Project(files)
        self.addCleanup(project.close)
        return project

    def both(self, files, *arguments):
        """The command alone, then on the farm, in the same folder.  Returns the project and, of each, what it did."""
        project = self.project(files)
        plain = project.execute([*AS_NUMPY, *arguments], plugin=False)
        expected = {name: text for name, text in project.outputs(".c", ".cpp", ".h", ".html").items()}
        project.reset()
        farmed = self.on_farm(project, *arguments)
        self.assertEqual((farmed.returncode, farmed.stdout, self.without_summary(farmed)),
                         (plain.returncode, plain.stdout, plain.stderr))
        self.assertEqual(project.outputs(".c", ".cpp", ".h", ".html"), expected)
        return project, farmed

    def on_farm(self, project, *arguments):
        return project.run_on_farm(*AS_NUMPY[1:], *arguments, options=("-q",))

    def without_summary(self, done):
        return "".join(line for line in done.stderr.splitlines(True) if not line.startswith("extfarm: "))

    def test_in_a_subprocess_of_the_build(self):
        run = ("import subprocess\n"
               f"subprocess.check_call({AS_NUMPY!r} + ['-3', '--fast-fail', '-o', 'made.c', 'x.pyx'])\n"
               f"subprocess.check_call({AS_SCIPY!r} + ['-3', '--cplus', '-o', 'plus.cxx', 'plus.pyx'], cwd='sub')\n")
        project = self.same_bytes(
            {"setup.py": setup_py("Extension('x', ['made.c'])", "Extension('plus', ['sub/plus.cxx'])", before=run),
             "x.pyx": X, "sub/plus.pyx": "cdef object y = 2\n"}, 6, shows=("x.f(3)", "1.5", ("x",)))
        again = project.run_on_farm()
        self.assertEqual(again.returncode, 0, again.stderr)
        self.assertEqual(project.last_build()["actions"]["fresh"], 6)

    def test_with_what_else_it_writes(self):
        project, _ = self.both({"sub/x.pyx": SUMMING}, "-3", "-a", "-w", "sub", "x.pyx")
        self.assertEqual(sorted(project.outputs(".c", ".h", ".html")),
                         ["sub/x.c", "sub/x.h", "sub/x.html", "sub/x_api.h"])
        self.assertEqual(project.where_it_ran(), (1, 0))

    def test_that_refuses_its_source_says_it_once(self):
        _, done = self.both({"bad.pyx": "def f(:\n"}, "-3", "bad.pyx")
        self.assertEqual((done.returncode, done.stderr.count("bad.pyx:1:6: ")), (1, 1), done.stderr)

    def test_with_warnings(self):
        _, done = self.both({"x.pyx": "def f():\n    cdef int n = 3\n"}, "-3", "-Wextra", "x.pyx")
        self.assertEqual(done.stderr.count("Unused entry 'n'"), 1, done.stderr)
        self.both({"x.pyx": X}, "x.pyx")  # Before Cython 3.1 it warns of the language level that is not set.

    def test_of_several_sources_stays_here_and_is_counted(self):
        project, _ = self.both({"x.pyx": X, "y.pyx": "y = 1\n"}, "-3", "x.pyx", "y.pyx")
        self.assertEqual([(entry["count"], entry["reason"]) for entry in project.last_build()["local"]],
                         [(1, "cython with other than one source")])

    def test_without_a_source_or_with_one_that_is_missing(self):
        self.both({"x.pyx": X}, "--version")
        self.both({"x.pyx": X}, "-3", os.path.join("no", "such.pyx"))


if __name__ == "__main__":
    unittest.main()
