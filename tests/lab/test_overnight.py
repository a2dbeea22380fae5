"""Nights of scripts/overnight over small real projects."""

import glob
import json
import os
import signal
import subprocess
import sys
import unittest

from farm import PYTHON, SOURCES, program
from hosts import wait_until
from one_machine import OneMachine, c_project, processes_with

OVERNIGHT = os.path.join(SOURCES, "scripts", "overnight")


class Overnight(OneMachine):
    def setUp(self):
        super().setUp()
        os.makedirs(self.folder)

    def source(self, name, files):
        """A folder of its own with the files; its path."""
        for file, text in files.items():
            path = self.path(name, file)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as out:
                out.write(text)
        return self.path(name)

    def config(self, *projects, top=""):
        text = f'state = "{self.path("nights")}"\nextfarm = "{program("extfarm")}"\n{top}\n'
        for name, more in projects:
            text += f'[[project]]\nname = "{name}"\n' + more + "\n"
            if "command" not in more:
                text += f'command = ["{PYTHON}", "setup.py", "build_ext", "--inplace"]\n'
        with open(self.path("night.toml"), "w", encoding="utf-8") as out:
            out.write(text)
        return self.path("night.toml")

    def night(self, path, *options):
        done = self.run_command(sys.executable, OVERNIGHT, path, *options)
        self.said = done.stdout + done.stderr
        return done.returncode

    def folders(self):
        return sorted(glob.glob(self.path("nights", "nights", "*")), key=lambda path: (len(path), path))

    def builds(self, folder):
        with open(os.path.join(folder, "night.json"), encoding="utf-8") as file:
            return json.load(file)["builds"]

    def read(self, *parts):
        with open(os.path.join(*parts), encoding="utf-8") as file:
            return file.read()

    def test_a_night_goes_on_after_a_failure_and_tells_what_failed_first(self):
        bad = c_project("bad")
        bad["bad.c"] += "int x = nothing;\n"
        path = self.config(("bad", f'source = "{self.source("bad", bad)}"\n'),
                           ("good", f'source = "{self.source("good", c_project("one", "two"))}"\n'),
                           ("untested", f'source = "{self.path("good")}"\ncheck = ["{PYTHON}", "-c", "import one, absent"]\n'),
                           ("absent", f'source = "{self.path("nowhere")}"\n'))
        self.assertEqual(self.night(path), 1, self.said)
        folder, = self.folders()
        text = self.read(folder, "summary.txt")
        self.assertIn("4 builds, 3 failed", text)
        self.assertRegex(text, r"First failure: bad, exit code 1\n  bad.c:\d+:\d+: error: .nothing. undeclared")
        self.assertIn("its check: ModuleNotFoundError: No module named 'absent'", text)
        self.assertRegex(text, r"FAILED  absent.*\n +git .*nowhere")
        self.assertRegex(text, r"ok +good  \d+ s, 4 actions \(4 on workers, 0 restored, 0 local\)")
        self.assertIn("Slowest actions:", text)
        self.assertIn("building 'one' extension", self.read(folder, "good-1.log"))
        self.assertTrue(os.path.exists(os.path.join(folder, "good-1.html")))
        page = self.read(folder, "index.html")
        self.assertIn("Failed first: bad", page)
        self.assertIn("<circle", page)
        self.assertFalse(os.path.exists(self.path("good", "build")), "the source was built in")

    def test_the_second_night_starts_from_a_clean_tree_and_is_compared(self):
        path = self.config(("p", f'source = "{self.source("p", c_project("one"))}"\nrepetitions = 2\noptions = ["--no-store"]\n'))
        self.assertEqual(self.night(path), 0, self.said)
        tree = self.path("nights", "trees", "p")
        with open(os.path.join(tree, "left-over.c"), "w", encoding="utf-8"):
            pass
        self.assertEqual(self.night(path), 0, self.said)
        self.assertFalse(os.path.exists(os.path.join(tree, "left-over.c")))
        first, second = self.folders()
        for build in self.builds(first) + self.builds(second):
            self.assertEqual(build["actions"]["on_workers"], 2, build)
        self.assertRegex(self.read(second, "summary.txt"), r"p: (as fast as|\d+% (slower|faster) than) the night before")
        self.assertIn("<polyline", self.read(second, "index.html"))

    def test_without_no_store_the_second_night_restores(self):
        path = self.config(("p", f'source = "{self.source("p", c_project("one"))}"\n'))
        self.night(path)
        self.assertEqual(self.night(path), 0, self.said)
        build, = self.builds(self.folders()[1])
        self.assertEqual((build["actions"]["on_workers"], build["actions"]["restored"]), (0, 2))

    def test_a_repository_is_built_at_its_revision(self):
        source = self.source("p", c_project("one"))
        git = ["git", "-C", source, "-c", "user.name=n", "-c", "user.email=e"]
        subprocess.run([*git, "init", "-q"], check=True)
        subprocess.run([*git, "add", "."], check=True)
        subprocess.run([*git, "commit", "-q", "-m", "one"], check=True)
        revision = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
        with open(os.path.join(source, "one.c"), "a", encoding="utf-8") as file:
            file.write("not committed\n")
        self.assertEqual(self.night(self.config(("p", f'source = "{source}"\n'))), 0, self.said)
        self.assertEqual(self.builds(self.folders()[0])[0]["revision"], revision)

    def test_a_night_cut_short_goes_on_where_it_was(self):
        compiler = self.slow_compiler("30.517")
        path = self.config(("first", f'source = "{self.source("first", c_project("one"))}"\n'),
                           ("second", f'source = "{self.source("second", c_project("slow"))}"\n'),
                           top=f'[environment]\nCC = "{compiler}"\nLDSHARED = "/usr/bin/gcc -shared"\n')
        night = self.start("night", sys.executable, OVERNIGHT, path)
        wait_until(lambda: processes_with("30.517"), lambda: f"slow compile: {self.log('night')}")
        self.assertEqual(self.night(path), 75, self.said)  # only one at a time
        self.assertIn(f"pid {night.pid}", self.said)
        os.kill(night.pid, signal.SIGTERM)
        night.wait()
        wait_until(lambda: not processes_with("30.517"), "end of the compile")
        self.slow_compiler("0")
        self.assertEqual(self.night(path, "--resume"), 0, self.said)
        self.assertIn("1 builds were done", self.said)
        folder, = self.folders()
        self.assertEqual([build["project"] for build in self.builds(folder)], ["first", "second"])
        self.assertEqual(self.night(path, "--resume"), 0)
        self.assertIn("no night was cut short", self.said)

    def test_a_build_past_its_limit_is_ended(self):
        compiler = self.slow_compiler("600.25")
        path = self.config(("slow", f'source = "{self.source("p", c_project("slow"))}"\nlimit_minutes = 0.05\n'),
                           top=f'[environment]\nCC = "{compiler}"\nLDSHARED = "/usr/bin/gcc -shared"\n')
        self.assertEqual(self.night(path), 1)
        self.assertIn("ended after 0.05 minutes", self.said)
        self.assertEqual(processes_with("600.25"), [])

    def test_the_hook_gets_the_summary(self):
        out = self.path("mail")
        source = self.source("p", c_project("one"))
        path = self.config(("p", f'source = "{source}"\n'), top=f'hook = ["sh", "-c", "cat > {out}; echo $NIGHT_EXIT_CODE >> {out}"]')
        self.night(path)
        self.assertEqual(self.read(out), self.read(self.folders()[0], "summary.txt") + "0\n")
        self.assertEqual(self.night(self.config(("p", f'source = "{source}"\n'), top='hook = ["false"]')), 0)
        self.assertIn("the hook false failed: exit code 1", self.said)

    def test_old_nights_are_forgotten(self):
        path = self.config(("p", f'source = "{self.source("p", c_project("one"))}"\n'), top="keep_nights = 1")
        self.night(path)
        first = self.folders()[0]
        self.night(path)
        self.assertEqual(len(self.folders()), 1)
        self.assertFalse(os.path.exists(first))

    def test_the_example_of_the_documentation_is_understood(self):
        example = self.read(SOURCES, "doc", "overnight.md").split("```toml\n")[1].split("```")[0]
        with open(self.path("night.toml"), "w", encoding="utf-8") as out:
            out.write(f'extfarm = "{program("extfarm")}"\n' + example.replace("~/nights", self.path("nights")))
        self.assertEqual(self.night(self.path("night.toml"), "--resume"), 0, self.said)

    def test_a_mistake_in_the_configuration_is_named(self):
        for text, words in (("", "no project"), ("state = 1\n[[project]]\n", '"state" must be a string, and is 1'),
                            ("[[project]]\n", '"state" is missing'), ("x = [", "is no TOML"),
                            ('state = "s"\n[[project]]\nname = "a"\nsource = "."\ncomand = ["x"]\n', 'project 1: the key "comand" is not known'),
                            ('state = "s"\n[[project]]\nname = "a"\nsource = "."\n', '"command" is missing'),
                            ('state = "s"\nextfarm = "/no/such"\n[[project]]\n', "no program /no/such")):
            with open(self.path("night.toml"), "w", encoding="utf-8") as out:
                out.write(text)
            self.assertEqual(self.night(self.path("night.toml")), 78, text)
            self.assertIn(words, self.said)
        self.assertEqual(self.night(self.path("none.toml")), 78)
        self.assertIn("cannot read", self.said)


if __name__ == "__main__":
    unittest.main(verbosity=2)
