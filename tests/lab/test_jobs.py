"""How many jobs make, ninja and meson keep under way beneath `extfarm run --jobs auto`."""

import os
import shutil
import signal
import time
import unittest

from farm import contents, last_build
from held_steps import LAUNCHER, LOCAL_SLOTS, HeldSteps, objects, sources
from hosts import wait_until


FOLLOWING_NINJA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "following_ninja.py")


class Make(HeldSteps):
    MAKEFILE = "all: %s\n%%.o: %%.c\n\t$(CC) -c $< -o $@\n"

    @unittest.skipIf("EXTFARM_SANITIZER" in os.environ, "34 sanitized launchers do not start before the first has ended")
    def test_as_many_jobs_as_the_farm_has_slots_also_when_workers_come_and_go(self):
        count = 80
        self.lay_out({"Makefile": self.MAKEFILE % objects(count), **sources(count)})
        expected = self.expect("make", "-j8", f"CC={self.compiler}")
        self.start_remote("one")
        build = self.start_run("make", f"CC={LAUNCHER} {self.compiler}")
        wait_until(lambda: len(self.attempts()) >= 16 + LOCAL_SLOTS, lambda: f"18 compiles at once: {self.log('build')}", 20)
        # A step for each slot, and the local ones: they wait in the coordinator for a slot.
        self.assertLessEqual(self.launchers(build), 16 + 2 * LOCAL_SLOTS)

        two = self.start_remote("two")
        wait_until(lambda: len(self.attempts()) >= 32 + LOCAL_SLOTS, lambda: f"34 compiles at once: {self.log('build')}", 20)
        self.assertLessEqual(self.launchers(build), 32 + 2 * LOCAL_SLOTS)

        two.send_signal(signal.SIGTERM)  # It ends what it runs, and takes no more.
        def few_are_left():
            self.wake(list(self.sleepers())[:2])
            return self.launchers(build) <= 16 + 2 * LOCAL_SLOTS
        wait_until(few_are_left, "fewer jobs", 20)
        self.finish(build)
        self.assertEqual(contents(self.folder, ".o"), expected)
        self.assertEqual(last_build(self.folder)["actions"]["on_workers"], count)
        self.assertNotIn("jobserver", self.log("build"))

    def test_what_does_not_go_to_the_farm_stays_within_the_local_slots(self):
        count, local = 36, 16
        makefile = self.MAKEFILE % objects(count) + (
            f"all: {' '.join(f'l{i}.i' for i in range(local))}\n%.i:\n\t@sh -c 'sleep {self.mark} 2>/dev/null; echo done' >$@\n")
        self.lay_out({"Makefile": makefile, **sources(count)})
        self.start_remote("one", slots=34)
        build = self.start_run("make", f"CC={LAUNCHER} {self.compiler}")
        wait_until(lambda: len(self.attempts()) == count, lambda: f"a compile in each slot: {self.log('build')}", 20)
        # All end at once, and only local steps are left to begin.
        most = 0

        def count_local():
            nonlocal most
            most = max(most, sum("echo done" in words for words in self.sleepers().values()))
        self.wake(self.sleepers())

        def compiles_have_ended():  # also the ones that had no slot, for second attempts of others
            count_local()
            self.wake([pid for pid, words in self.sleepers().items() if "echo done" not in words])
            return not self.asleep()
        wait_until(compiles_have_ended, "end of the compiles")
        for _ in range(100):
            count_local()
            time.sleep(0.01)
        print(f"[ figure   ] {local} local steps after {count} on the farm: {most} at once", flush=True)
        self.finish(build, count_local)
        self.assertLessEqual(most, 2 * LOCAL_SLOTS)
        self.assertGreater(most, 0)


class Ninja(HeldSteps):
    FILES = {"build.ninja": "rule cc\n command = $cc -c $in -o $out\n" + "".join(f"build s{i}.o: cc s{i}.c\n" for i in range(40))}

    def test_it_is_told_how_many_jobs_the_farm_takes_at_its_start(self):
        text = f"cc = {LAUNCHER} {self.compiler}\n" + self.FILES["build.ninja"]
        self.lay_out({"build.ninja": text.replace(LAUNCHER + " ", ""), **sources(40)})
        expected = self.expect("ninja", "-j8")
        self.lay_out({"build.ninja": text, **sources(40)})
        self.start_remote("one")
        build = self.start_run("ninja")
        wait_until(lambda: len(self.attempts()) >= 16 + LOCAL_SLOTS, lambda: f"18 compiles at once: {self.log('build')}", 20)
        wait_until(lambda: self.launchers(build) == 16 + 2 * LOCAL_SLOTS, "two more steps that wait", 20)
        self.finish(build)
        self.assertEqual(contents(self.folder, ".o"), expected)

    def test_one_that_follows_a_jobserver_is_given_this_one(self):
        text = f"cc = {LAUNCHER} {self.compiler}\n" + self.FILES["build.ninja"]
        self.lay_out({"build.ninja": text.replace(LAUNCHER + " ", ""), **sources(40)})
        expected = self.expect("/usr/bin/ninja", "-j8")
        tools = self.home("new")
        os.symlink(os.environ.get("EXTFARM_TEST_NINJA", FOLLOWING_NINJA), os.path.join(tools, "ninja"))
        # Python closes what it was not asked to hand on, so only the path of the pipe is left; make 4.3 refuses such a path.
        makefile = "all:\n\t@echo from make\n"
        self.lay_out({"build.ninja": text + "rule make\n command = make >$out\nbuild said: make\n", "Makefile": makefile,
                      "start.py": "import subprocess, sys\nsys.exit(subprocess.run(['ninja']).returncode)\n", **sources(40)})
        self.start_remote("one", slots=8)
        build = self.start_run("/usr/bin/python3", "start.py", PATH=tools + ":" + os.environ["PATH"])
        wait_until(lambda: len(self.attempts()) >= 8 + LOCAL_SLOTS, lambda: f"10 compiles at once: {self.log('build')}", 20)
        self.assertLessEqual(self.launchers(build), 8 + 2 * LOCAL_SLOTS)
        self.start_remote("two", slots=8)
        wait_until(lambda: len(self.attempts()) >= 16 + LOCAL_SLOTS, lambda: f"18 compiles at once: {self.log('build')}", 20)
        self.assertLessEqual(self.launchers(build), 16 + 2 * LOCAL_SLOTS)
        self.finish(build)
        self.assertEqual(contents(self.folder, ".o"), expected)
        with open(os.path.join(self.folder, "said"), encoding="utf-8") as said:
            self.assertEqual(said.read(), "from make\n")

    def test_meson_finds_that_ninja(self):
        names = ", ".join(f"'s{i}.c'" for i in range(24))
        self.lay_out({"meson.build": f"project('p', 'c')\nstatic_library('together', {names})\n", **sources(24),
                      "farm.ini": f"[binaries]\nc = ['{LAUNCHER}', '{self.compiler}']\n"})
        self.start_remote("one")
        build = self.start_run("sh", "-c", "meson setup --native-file farm.ini b && meson compile -C b")
        wait_until(lambda: self.launchers(build) >= 16 + LOCAL_SLOTS, lambda: f"18 steps at once: {self.log('build')}", 20)
        self.finish(build)

    def test_a_number_of_the_callers_own_counts(self):
        tools = self.home("shown")
        with open(os.path.join(tools, "ninja"), "w", encoding="utf-8") as out:
            out.write('#!/bin/sh\necho "ninja $*"\n')
        os.chmod(os.path.join(tools, "ninja"), 0o755)
        self.lay_out({"empty": ""})
        path = tools + ":" + os.environ["PATH"]
        for options, told in ((("--jobs", "auto"), "ninja -j4 -j3 all\n"), ((), "ninja -j3 all\n")):
            done = self.run_build(*options, "--local", "2", command=("sh", "-c", "ninja -j3 all"), PATH=path)
            self.assertEqual((done.returncode, done.stdout), (0, told), done.stderr)


class Usage(HeldSteps):
    def test_what_is_no_number_of_jobs_is_refused(self):
        self.lay_out({"empty": ""})
        for words in (("--jobs", "0"), ("--jobs", "abc"), ("-j", "-3"), ("-j", "2x"), ("--local", "auto")):
            done = self.run_build(*words, command=("true",))
            self.assertEqual((done.returncode, done.stdout), (2, ""), words)
            self.assertIn(f'"{words[1]}" is no number of jobs; give one from 1 up, or', done.stderr)


if __name__ == "__main__":
    for tool in ("make", "meson", "ninja"):
        if shutil.which(tool) is None:
            raise SystemExit(f"{tool} is not installed: scripts/install-dependencies")
    unittest.main(verbosity=2)
