"""`extfarm verify`: what two builds in one path have in common, what explains the rest, and that no file of the user's is lost."""

import os
import re
import signal
import unittest

from farm import BUILD, contents, program
from hosts import wait_until
from one_machine import OneMachine, c_project, processes_with

DATED = """#include <Python.h>
const char built_on[] = __DATE__ " " __TIME__;
static struct PyModuleDef def = {PyModuleDef_HEAD_INIT, "dated", 0, -1, 0};
PyMODINIT_FUNC PyInit_dated(void) { return PyModule_Create(&def); }
"""
# A compiler that is right in a plain build, which has EXTFARM_DISABLE set, and wrong about wrong.c elsewhere.
MISBEHAVING = """#!/bin/sh
if [ "$EXTFARM_DISABLE" != 1 ]; then
  case "$*" in *" -c wrong.c"*) exec /usr/bin/gcc "$@" -DWRONG ;; esac
fi
exec /usr/bin/gcc "$@"
"""
WRONG = """#include <Python.h>
#ifdef WRONG
int value = 2;
#else
int value = 1;
#endif
static struct PyModuleDef def = {PyModuleDef_HEAD_INIT, "wrong", 0, -1, 0};
PyMODINIT_FUNC PyInit_wrong(void) { return PyModule_Create(&def); }
"""
RANDOM_SETUP = """import os
from setuptools import setup, Extension
with open("chance.txt", "w") as out:
    out.write(os.urandom(8).hex())
setup(name="p", version="0", packages=[], ext_modules=[Extension("one", ["one.c"])])
"""
COVERAGE_SETUP = """from setuptools import setup, Extension
setup(name="p", version="0", packages=[], ext_modules=[
    Extension("one", ["one.c"], extra_compile_args=["--coverage"], extra_link_args=["--coverage"])])
"""
SHARED_SETUP = """from setuptools import setup, Extension
setup(name="p", version="0", packages=[], ext_modules=[
    Extension("one", ["one.c", "both.c"]), Extension("two", ["two.c", "both.c"], define_macros=[("TWO", "1")])])
"""


class Verify(OneMachine):
    def setUp(self):
        super().setUp()
        self.home("scratch")

    def verify(self, *options, **variables):
        return self.verify_build("--rendezvous", self.path("none"), *options, **variables)

    def counts(self, done):
        found = re.search(r"identical +(\d+)\n +known causes +(\d+)\n +unexplained +(\d+)\n", done.stdout)
        self.assertTrue(found, done.stdout + done.stderr)
        return tuple(map(int, found.groups()))

    def assert_no_copy_is_left(self):
        self.assertEqual(os.listdir(self.path("scratch")), [])

    def test_an_ordinary_project_is_the_same_to_the_byte(self):
        self.lay_out(c_project("one", "two"))
        done = self.verify()
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        identical, known, unexplained = self.counts(done)
        self.assertGreaterEqual(identical, 4, done.stdout)
        self.assertEqual((known, unexplained), (0, 0), done.stdout)
        self.assertIn("The same, to the byte.", done.stdout)
        self.assertEqual(len(contents(self.folder, ".so")), 4, "the tree has the farmed build's result")
        self.assert_no_copy_is_left()

    def test_the_time_in_an_object_is_a_known_cause(self):
        self.lay_out({**c_project("dated"), "dated.c": DATED})
        # Two seconds apart at least: the compiler reads the clock in seconds.
        done = self.verify(command=("/bin/sh", "-c", "sleep 2; exec " + " ".join(BUILD)))
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        identical, known, unexplained = self.counts(done)
        self.assertEqual((known, unexplained), (3, 0), done.stdout)
        self.assertRegex(done.stdout, r"dated\.o +.*__TIME__")
        self.assertRegex(done.stdout, r"dated\.\S+\.so +.*__TIME__")

    def test_a_result_that_is_wrong_on_the_farm_is_found(self):
        self.lay_out({**c_project("wrong", "right"), "wrong.c": WRONG})
        compiler = self.path("tools", "gcc")
        os.makedirs(os.path.dirname(compiler))
        with open(compiler, "w", encoding="utf-8") as out:
            out.write(MISBEHAVING)
        os.chmod(compiler, 0o755)
        done = self.verify(CC=compiler, LDSHARED="/usr/bin/gcc -shared")
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        _, known, unexplained = self.counts(done)
        self.assertEqual((known, unexplained), (0, 3), done.stdout)
        self.assertRegex(done.stdout, r"wrong\.o +differs from byte \d+ on")
        self.assertNotRegex(done.stdout, r"right\.\S+ +differs")
        self.assertIn("Two plain builds are alike", done.stdout)
        kept = re.search(r"The plain build of \S+ lies in (\S+) until", done.stdout).group(1)
        self.assertEqual(sorted(contents(kept, ".so")), sorted(contents(self.folder, ".so")))

    def test_what_differs_between_two_plain_builds_is_no_fault_of_the_farm(self):
        self.lay_out({**c_project("one"), "setup.py": RANDOM_SETUP})
        done = self.verify()
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertRegex(done.stdout, r"chance\.txt +differs between two plain builds too")

    def test_the_stamp_of_coverage_is_a_known_cause(self):
        self.lay_out({**c_project("one"), "setup.py": COVERAGE_SETUP})
        done = self.verify()
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertRegex(done.stdout, r"one\.gcno +--coverage's stamp")
        self.assertNotIn("differs between two plain builds", done.stdout)

    def test_an_extension_s_own_copy_of_a_shared_object_is_a_known_cause(self):
        both = "#ifdef TWO\nint x = 2;\n#else\nint x = 1;\n#endif\n"
        self.lay_out({**c_project("one", "two"), "both.c": both, "setup.py": SHARED_SETUP})
        done = self.verify()
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertRegex(done.stdout, r"both\.o +an extension's own object")

    def test_another_folder_that_the_command_writes_to_is_kept_apart_and_compared(self):
        self.lay_out(c_project("one"))
        other = self.home("other folder")
        # Refuses to run where it has run before, as the farmed build would if the plain one had written there.
        once = ("/bin/sh", "-c", 'test ! -e "$1/made" && echo 1 > "$1/made" && echo 1 > here', "sh", other)
        done = self.verify("--also", other, command=once)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(self.counts(done), (2, 0, 0), done.stdout)
        self.assertEqual(self.verify(command=once).returncode, 1, "it has run there now")

    def test_a_command_that_writes_nothing_is_not_called_the_same(self):
        self.lay_out(c_project("one"))
        done = self.verify(command=("/bin/true",))
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertIn("nothing was compared", done.stdout)

    def test_a_build_that_fails_plainly_is_not_farmed(self):
        self.lay_out({**c_project("one"), "one.c": "#error no\n"})
        before = self.everything()
        done = self.verify()
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertIn("the plain build failed", done.stderr)
        self.assertEqual(self.everything(), before)
        self.assert_no_copy_is_left()

    def everything(self):
        found = {}
        for folder, _, names in os.walk(self.folder):
            for name in names:
                path = os.path.join(folder, name)
                with open(path, "rb") as file:
                    found[os.path.relpath(path, self.folder)] = (file.read(), os.stat(path).st_mtime_ns)
        return found

    def interrupt_plain_build(self, seconds, number):
        """Signals a verification while its plain build compiles.  Returns the process, ended, and the tree before."""
        self.lay_out({**c_project("slow", "quick"), "notes.txt": "mine"})
        compiler = self.slow_compiler(seconds)
        before = self.everything()
        running = self.start("verify", program("extfarm"), "verify", "--rendezvous", self.path("none"), "--scratch",
                             self.path("scratch"), "--", *BUILD, CC=compiler, LDSHARED="/usr/bin/gcc -shared")
        self.addCleanup(lambda: [os.kill(pid, signal.SIGKILL) for pid in processes_with(seconds)])
        wait_until(lambda: processes_with(seconds), "the slow compile")
        os.kill(running.pid, number)
        running.wait(timeout=60)
        return running, before

    def test_a_verification_that_is_stopped_leaves_the_tree_as_it_was(self):
        running, before = self.interrupt_plain_build("311.25", signal.SIGTERM)
        self.assertEqual(running.returncode, 128 + signal.SIGTERM, self.log("verify"))
        wait_until(lambda: not processes_with("311.25"), "the slow compile's end")
        self.assertEqual(self.everything(), before)
        self.assert_no_copy_is_left()

    def test_a_verification_that_is_killed_leaves_the_tree_and_the_next_one_clears_its_copies(self):
        running, before = self.interrupt_plain_build("312.25", signal.SIGKILL)
        self.assertEqual(running.returncode, -signal.SIGKILL)
        self.assertEqual(self.everything(), before)
        self.assertNotEqual(os.listdir(self.path("scratch")), [])
        done = self.verify()
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assert_no_copy_is_left()
        with open(os.path.join(self.folder, "notes.txt"), encoding="utf-8") as file:
            self.assertEqual(file.read(), "mine")


if __name__ == "__main__":
    unittest.main()
