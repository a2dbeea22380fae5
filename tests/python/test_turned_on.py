"""SAGE_PARALLEL_DIST or EXTFARM=1 alone: the build starts a coordinator for itself, with as many slots as make was told.

Knows the variables, the output and `.extfarm/last-build.json`.  Refuses to
look inside the package under test.
"""

import os
import select
import shutil
import subprocess
import sys
import tempfile
import unittest

from farm_case import FarmCase, tree
from project import PACKAGE, PROGRAMS, Project, c_module, extfarm, setup_py

FILES = {"setup.py": setup_py("Extension('one', ['one.c'])", "Extension('two', ['two.c'])"),
         "one.c": c_module("one"), "two.c": c_module("two")}
CORES = len(os.sched_getaffinity(0))
MAKEFILE = "all:\n\t+{python} setup.py build_ext --inplace\n"
TOTAL = r"Total time spent compiling C/C\+\+ extensions:  \d+\.\d\d seconds\.\n"
PATH = PROGRAMS + os.pathsep + os.environ["PATH"]


class TurnedOn(FarmCase):
    def project(self, files=None):
        project = Project(files or FILES)
        self.addCleanup(project.close)
        return project

    def left_behind(self, project):
        """Processes of this project's builds that are still there."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/environ", "rb") as file:
                    if b"HOME=" + os.fsencode(project.home) in file.read().split(b"\0"):
                        found.append(int(pid))
            except OSError:
                continue
        return found

    def wait_until_all_have_ended(self, project):
        for pid in self.left_behind(project):
            try:
                process = os.pidfd_open(pid)
            except ProcessLookupError:
                continue
            self.addCleanup(os.close, process)
            self.assertTrue(select.select([process], [], [], 30)[0], f"process {pid} goes on")
        self.assertEqual(self.left_behind(project), [])

    def build(self, *arguments, **variables):
        project = self.project()
        done = project.run(*arguments, PATH=PATH, **variables)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(project.where_it_ran(), (4, 0), done.stderr)
        return project, done

    def test_by_either_variable_with_the_bytes_of_a_plain_build(self):
        for variable, value in (("SAGE_PARALLEL_DIST", "no"), ("EXTFARM", "1")):
            with self.subTest(variable):
                project, done = self.build(**{variable: value})
                made = tree(project.folder)
                self.assertRegex(done.stdout, TOTAL)
                self.assertEqual((project.last_build()["status"], self.left_behind(project)), ("ok", []))
                project.reset()
                project.run(plugin=False)
                self.compare(made, tree(project.folder))

    def test_a_typo_in_make_is_capped_at_twice_the_cores_with_a_warning(self):
        project, done = self.build(SAGE_PARALLEL_DIST="1", MAKE="make -j10000")
        self.assertEqual(project.last_build()["slots"], 2 * CORES)
        self.assertEqual(done.stderr.count(f"asks for 10000 local jobs on {CORES} cores"), 1, done.stderr)

    def test_a_bad_number_means_one(self):
        project, done = self.build(SAGE_PARALLEL_DIST="1", MAKEFLAGS="-jmany")
        self.assertEqual(project.last_build()["slots"], 1)
        self.assertEqual(done.stderr.count('MAKEFLAGS asks for "many" jobs'), 1, done.stderr)

    def test_build_exts_own_number_counts_before_make(self):
        project, _ = self.build("setup.py", "build_ext", "--inplace", "-j1", SAGE_PARALLEL_DIST="1", MAKE="make -j2")
        self.assertEqual(project.last_build()["slots"], 1)

    def test_slots_follow_a_make_with_a_jobserver(self):
        wanted = min(3, 2 * CORES)
        for command, variables in ((sys.executable, {"SAGE_PARALLEL_DIST": "1", "PATH": PATH}),
                                   (f"{extfarm()} run -- {sys.executable}", {})):
            with self.subTest(command):
                project = self.project(dict(FILES, Makefile=MAKEFILE.format(python=command)))
                done = project.execute(["make", f"-j{wanted}"], **variables)
                self.assertEqual((done.returncode, project.last_build()["slots"]), (0, wanted), done.stderr)
                self.assertNotIn("jobserver", done.stderr)

    def test_a_failed_build_is_reported_as_failed(self):
        project = self.project(dict(FILES, **{"two.c": "int x = nothing;\n"}))
        done = project.run(PATH=PATH, SAGE_PARALLEL_DIST="1")
        self.assertEqual((done.returncode, project.last_build()["status"]), (1, "failed"), done.stderr)
        self.assertEqual((done.stderr.count("undeclared here"), self.left_behind(project)), (1, []))

    def test_a_killed_build_leaves_nothing_behind(self):
        waiting = "import sys\nprint('built', flush=True)\nsys.stdin.read()\n"
        project = self.project(dict(FILES, **{"setup.py": FILES["setup.py"] + waiting}))
        with subprocess.Popen([sys.executable, "setup.py", "-q", "build_ext", "--inplace"], cwd=project.folder,
                              env=project.environment(PATH=PATH, SAGE_PARALLEL_DIST="1"), stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as build:
            while build.stdout.readline() != b"built\n":
                self.assertIsNone(build.poll())
            self.assertGreater(len(self.left_behind(project)), 1)
            build.kill()
        self.wait_until_all_have_ended(project)

    def test_without_extensions_nothing_is_started(self):
        for files, arguments in ((FILES, ("setup.py", "--version")), ({"setup.py": setup_py()}, ("setup.py", "build"))):
            project = self.project(files)
            done = project.run(*arguments, PATH=PATH, SAGE_PARALLEL_DIST="1")
            self.assertEqual((done.returncode, os.path.exists(os.path.join(project.folder, ".extfarm"))), (0, False))

    def test_a_coordinator_that_cannot_be_started_costs_one_warning(self):
        with tempfile.TemporaryDirectory() as elsewhere:
            package = os.path.join(elsewhere, "python")
            shutil.copytree(PACKAGE, package)
            for reason, variables in (("the program extfarm is not on the PATH", {"PYTHONPATH": package}),
                                      ("run ended at once", {"HOME": "/dev/null", "PATH": PATH})):
                with self.subTest(reason):
                    project = self.project()
                    done = project.run(SAGE_PARALLEL_DIST="1", **variables)
                    self.assertEqual(done.returncode, 0, done.stderr)
                    self.assertEqual((done.stderr.count("building locally"), done.stderr.count(reason)), (1, 1),
                                     done.stderr)
                    self.assertRegex(done.stdout, TOTAL)
                    self.assertEqual(project.evaluate("one.value, two.value", "one", "two"), "(1, 1)")


if __name__ == "__main__":
    unittest.main()
