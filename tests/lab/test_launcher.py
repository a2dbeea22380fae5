"""extfarm-cc before, behind and between other programs, on this machine alone."""

import os
import re
import shutil
import signal
import time
import unittest

from farm import contents, last_build, program
from hosts import wait_until, words_of
from one_machine import OneMachine

LAUNCHER = program("extfarm-cc")
MAKEFILE = """CC = gcc
app: one.o two.o
	$(CC) -o $@ one.o two.o
%.o: %.c
	$(CC) -O1 -MMD -c $< -o $@
lib: one.o two.o
	$(AR) rcs lib.a one.o two.o
"""
PROJECT = {"Makefile": MAKEFILE, "one.c": "int two(void);\nint main(void) { return two() - 2; }\n",
           "two.c": "int two(void) { return 2; }\n"}
CMAKE = 'cmake_minimum_required(VERSION 3.22)\nproject(p C)\nadd_executable(app one.c two.c)\n'


class Launcher(OneMachine):
    def files(self):
        return {name: content for name, content in contents(self.folder, ".o", ".d", ".a", "app").items()
                if not name.startswith((".extfarm", "b/CMakeFiles/3", "b/CMakeFiles/Show", "b/meson-"))}

    def made_by(self, *command, files=None, **variables):
        """What the command alone makes; the project is laid out anew."""
        self.lay_out(files or PROJECT)
        done = self.run_command(*command, **variables)
        self.assertEqual(done.returncode, 0, done.stderr)
        made = self.files()
        self.lay_out(files or PROJECT)
        return made

    def actions(self):
        return last_build(self.folder)["actions"]

    def compile_one(self, *before, options=(), **variables):
        """One compile within `extfarm run`, alone or with words before the compiler."""
        return self.run_build(*options, command=(*before, "gcc", "-c", "one.c", "-o", "one.o"), **variables)


class BuildTools(Launcher):
    def test_make_with_the_launcher_as_part_of_cc(self):
        expected = self.made_by("make", "app", "lib")
        done = self.run_build(command=("make", "-j2", "app", "lib", f"CC={LAUNCHER} gcc", f"AR={LAUNCHER} ar"))
        self.assertEqual((done.returncode, self.files()), (0, expected), done.stderr)
        self.assertEqual((self.actions()["on_workers"], self.actions()["passed_through"]), (4, 0))

    def test_make_that_names_its_compiler_behind_a_masquerade(self):
        expected = self.made_by("make", "app", "lib")
        done = self.run_build("--masquerade", command=("make", "-j2", "app", "lib"))
        self.assertEqual((done.returncode, self.files()), (0, expected), done.stderr)
        self.assertEqual((self.actions()["on_workers"], self.actions()["passed_through"]), (4, 0))

    def test_cmake_with_the_launcher_of_its_own(self):
        files = {**PROJECT, "CMakeLists.txt": CMAKE}
        steps = "cmake -G Ninja -S . -B b %s >/dev/null && cmake --build b >/dev/null"
        expected = self.made_by("sh", "-c", steps % "", files=files)
        done = self.run_build(command=("sh", "-c", steps % f"-DCMAKE_C_COMPILER_LAUNCHER={LAUNCHER}"))
        self.assertEqual((done.returncode, self.files()), (0, expected), done.stderr)
        self.assertGreaterEqual(self.actions()["on_workers"], 2)

    def test_meson_with_the_launcher_in_its_binaries(self):
        files = {**PROJECT, "meson.build": "project('p', 'c')\nexecutable('app', 'one.c', 'two.c')\n",
                 "farm.ini": f"[binaries]\nc = ['{LAUNCHER}', 'gcc']\nar = ['{LAUNCHER}', 'gcc-ar']\n"}
        steps = "meson setup %s b >/dev/null && ninja -C b >/dev/null && b/app"
        expected = self.made_by("sh", "-c", steps % "", files=files)
        done = self.run_build(command=("sh", "-c", steps % "--native-file farm.ini"))
        self.assertEqual((done.returncode, self.files()), (0, expected), done.stderr)
        self.assertGreaterEqual(self.actions()["on_workers"], 3)

    def test_a_link_takes_its_jobs_from_the_jobserver_of_this_make(self):
        rule = "app: one.c two.c\n\t+$(CC) -flto=jobserver -O2 one.c two.c -o app\n"
        self.lay_out({**PROJECT, "Makefile": "CC = gcc\n" + rule})
        plain = self.run_command("make", "-j2")
        os.unlink(os.path.join(self.folder, "app"))
        done = self.run_build("-q", command=("make", "-j2", f"CC={LAUNCHER} gcc"))
        words = done.stderr.replace(LAUNCHER + " ", "")
        self.assertEqual((done.returncode, words), (plain.returncode, plain.stderr))
        self.assertNotIn("jobserver", done.stderr)
        self.assertEqual(self.actions()["passed_through"], 1)

    def test_lto_behind_a_masquerade_ends(self):
        # lto-wrapper looks for the compiler on the PATH, and would find the masquerade.
        words = ("sh", "-c", "gcc -flto=auto -O2 one.c two.c -o app && ./app")
        self.lay_out(PROJECT)
        done = self.run_build("--masquerade", command=words)
        self.assertEqual((done.returncode, self.actions()["on_workers"]), (0, 1), done.stderr)


SWIG = ("sh", "-c", "swig -python m.i")  # by the PATH


class Generators(Launcher):
    FILES = {"m.i": '%module m\n%include "more.i"\n', "more.i": "int twice(int);\n"}

    def test_a_declared_generator_runs_on_a_worker_and_what_it_writes_comes_back(self):
        made = [{}, {}]
        for number, options in enumerate(((), ("--masquerade", "--farm-tool", "swig"))):
            self.lay_out(self.FILES)
            done = self.run_build(*options, command=SWIG)
            self.assertEqual(done.returncode, 0, done.stderr)
            made[number] = contents(self.folder, ".c", "m.py")
        self.assertEqual(made[1], made[0])
        self.assertEqual(sorted(made[0]), ["m.py", "m_wrap.c"])
        self.assertEqual(self.actions()["on_workers"], 1)

    def test_it_runs_again_for_what_it_reads_is_not_known(self):
        self.lay_out(self.FILES)
        run = ("--masquerade", "--farm-tool", "swig")
        self.run_build(*run, command=SWIG)
        with open(os.path.join(self.folder, "more.i"), "a", encoding="utf-8") as file:
            file.write("int thrice(int);\n")
        self.run_build(*run, command=SWIG)
        self.assertIn(b"thrice", contents(self.folder, "m.py")["m.py"])

    def test_one_that_is_not_declared_stays_here_and_the_reason_says_how(self):
        self.lay_out(self.FILES)
        done = self.run_build(command=(LAUNCHER, "swig", "-python", "m.i"))
        self.assertEqual((done.returncode, self.actions()["passed_through"]), (0, 1))
        self.assertIn("--farm-tool swig would send it", done.stderr)


class WithoutCoordinator(Launcher):
    def test_it_is_the_compiler(self):
        expected = self.made_by("gcc", "-c", "one.c", "-o", "one.o")
        for socket in ("", self.path("nobody-listens")):
            self.lay_out(PROJECT)
            done = self.run_command(LAUNCHER, "gcc", "-c", "one.c", "-o", "one.o", EXTFARM_SOCKET=socket)
            self.assertEqual((done.returncode, done.stderr, self.files()), (0, "", expected))

    def test_its_own_words_and_exit_codes(self):
        self.lay_out(PROJECT)
        self.assertEqual(self.run_command(LAUNCHER).returncode, 2)
        done = self.run_command(LAUNCHER, "no-such-compiler", "-c", "one.c")
        self.assertEqual(done.returncode, 127)
        self.assertIn("cannot run no-such-compiler", done.stderr)


class Recursion(Launcher):
    def links(self, name):
        """A folder with a link to the launcher called gcc."""
        folder = self.home(name)
        os.symlink(LAUNCHER, os.path.join(folder, "gcc"))
        return folder

    def test_named_twice_it_is_there_once(self):
        self.lay_out(PROJECT)
        done = self.compile_one(LAUNCHER, LAUNCHER)
        self.assertEqual((done.returncode, self.actions()["on_workers"]), (0, 1), done.stderr)

    def test_a_masquerade_does_not_find_itself_nor_another(self):
        self.lay_out(PROJECT)
        path = ":".join((self.links("a"), self.links("b"), os.environ["PATH"]))
        for command in ((), (LAUNCHER,)):
            done = self.compile_one(*command, options=("--force",), PATH=path)
            self.assertEqual((done.returncode, self.actions()["on_workers"]), (0, 1), done.stderr)

    def test_a_masquerade_with_nothing_behind_it_says_so(self):
        self.lay_out(PROJECT)
        done = self.run_command(os.path.join(self.links("a"), "gcc"), "-c", "one.c", PATH=self.path("a"))
        self.assertEqual(done.returncode, 127)
        self.assertIn("cannot run gcc", done.stderr)

    def test_a_circle_through_a_script_ends(self):
        self.lay_out(PROJECT)
        script = self.path("around")
        with open(script, "w", encoding="utf-8") as out:
            out.write(f'#!/bin/sh\nexec {LAUNCHER} {script} "$@"\n')
        os.chmod(script, 0o755)
        done = self.run_command(LAUNCHER, script, "-c", "one.c")
        self.assertEqual(done.returncode, 126)
        self.assertIn("calls itself", done.stderr)


class WithCcache(Launcher):
    def cached_twice(self, *words, **variables):
        """Compiles, removes the object, compiles again; what was asked of the farm each time."""
        expected = self.made_by("gcc", "-c", "one.c", "-o", "one.o")
        asked = []
        for _ in range(2):
            done = self.run_build("--force", command=(*words, "-c", "one.c", "-o", "one.o"),
                                  CCACHE_DIR=self.path("cache"), **variables)
            self.assertEqual((done.returncode, self.files()), (0, expected), done.stderr)
            asked.append(self.actions()["on_workers"])
            os.unlink(os.path.join(self.folder, "one.o"))
        return asked

    def test_the_launcher_in_front_of_it(self):
        self.assertEqual(self.cached_twice(LAUNCHER, "ccache", "gcc"), [1, 0])

    def test_the_launcher_behind_it(self):
        self.assertEqual(self.cached_twice("ccache", "gcc", CCACHE_PREFIX=LAUNCHER), [1, 0])

    def test_its_masquerade_behind_the_launcher(self):
        path = "/usr/lib/ccache:" + os.environ["PATH"]
        self.assertEqual(self.cached_twice(LAUNCHER, "gcc", PATH=path), [1, 0])


class LocalCommands(Launcher):
    def test_each_is_counted_and_listed_with_its_reason(self):
        self.lay_out({**PROJECT, "conftest.c": "int c;\n"})
        script = f"cd . && {LAUNCHER} gcc -E one.c >/dev/null; {LAUNCHER} gcc -c conftest.c; {LAUNCHER} gcc -c one.c"
        done = self.run_build(command=("sh", "-c", script))
        self.assertEqual(self.actions()["passed_through"], 2)
        self.assertIn("ran locally: 1 × it is a configure probe", done.stderr)
        listed = self.run_command(program("extfarm"), "explain").stdout
        self.assertEqual(listed.splitlines(), [
            "2 commands ran locally in the last build",
            "1 × it is a configure probe", f"  gcc -c conftest.c (in {os.path.realpath(self.folder)})",
            "1 × it only preprocesses (-E)", f"  gcc -E one.c (in {os.path.realpath(self.folder)})"])


class Crashed(Launcher):
    def crash(self, *before):
        """The exit code and the messages of clang that crashes over a source, but for names that are made up."""
        self.lay_out({"crash.c": "int a;\n#pragma clang __debug crash\n"})
        reports = self.home("reports")
        done = self.run_command(*before, "clang", "-c", "crash.c", "-o", "crash.o", TMPDIR=reports)
        self.assertIn("PLEASE ATTACH", done.stderr)
        self.assertNotEqual(os.listdir(reports), [], "what the user is asked to attach is not there")
        shutil.rmtree(reports)
        said = [line for line in done.stderr.splitlines() if line.startswith(("clang:", "1.", "Debian clang"))]
        return done.returncode, [re.sub(r"crash-[0-9a-f]+", "crash-NAME", line) for line in said]

    def test_a_compiler_that_crashes_is_tried_elsewhere_and_at_last_here(self):
        expected = self.crash()
        self.assertEqual(self.crash(program("extfarm"), "run", "-q", "--", LAUNCHER), expected)
        self.assertGreaterEqual(self.actions()["retried"], 1)
        self.assertEqual(self.actions()["passed_through"], 1)
        self.assertEqual(sorted(os.listdir(self.folder)), [".extfarm", "crash.c"])


class Stopped(Launcher):
    """A header that is a pipe holds the compiler for ever."""

    def start_held(self, *options):
        self.lay_out({"held.c": '#include "pipe.h"\nint held = HELD;\n', "Makefile": "held.o: held.c\n"
                      f"\t{LAUNCHER} gcc -c held.c -o held.o\n"})
        os.mkfifo(os.path.join(self.folder, "pipe.h"))
        build = self.start("build", program("extfarm"), "run", "-j", "1", *options, "--", "make")
        wait_until(self.compiler_waits, lambda: f"the compiler: {self.log('build')}")
        return build

    def compiler_waits(self):
        """It has opened the pipe, and not only been started."""
        for _ in range(3):
            found = self.compilers()
            if not found:
                return False
            try:
                with open(f"/proc/{found[0]}/stat", encoding="utf-8") as file:
                    if file.read().rpartition(")")[2].split()[0] != "S":
                        return False
            except OSError:
                return False
            time.sleep(0.05)
        return True

    def compilers(self):
        """The compilers proper that work on held.c of this test."""
        found = []
        for entry in filter(str.isdigit, os.listdir("/proc")):
            try:
                words = words_of(entry)
                if words and words[0].endswith("/cc1") and "held.c" in words and \
                        os.readlink(f"/proc/{entry}/cwd").startswith(self.top):
                    found.append(int(entry))
            except OSError:
                continue
        return found

    def test_ctrl_c_ends_the_compile_and_leaves_no_file(self):
        build = self.start_held()
        os.killpg(build.pid, signal.SIGINT)
        began = time.monotonic()
        wait_until(lambda: not self.compilers(), "end of the compile")
        print(f"[ figure   ] the compile ended {time.monotonic() - began:.2f} s after Ctrl-C", flush=True)
        self.assertNotEqual(build.wait(30), 0)
        self.assertEqual(sorted(os.listdir(self.folder)), [".extfarm", "Makefile", "held.c", "pipe.h"])
        self.assertEqual(last_build(self.folder)["status"], "cancelled")

    def test_a_compiler_killed_by_a_signal_is_started_again(self):
        build = self.start_held()
        ready = self.path("ready.h")
        with open(ready, "w", encoding="utf-8") as file:
            file.write("#define HELD 1\n")
        os.rename(ready, os.path.join(self.folder, "pipe.h"))  # for the second attempt
        os.kill(self.compilers()[0], signal.SIGKILL)
        self.assertEqual(build.wait(120), 0, self.log("build"))
        self.assertEqual(self.actions()["retried"], 1)
        self.assertNotIn("Killed", self.log("build"))


if __name__ == "__main__":
    for tool in ("ccache", "make", "cmake", "meson", "ninja", "swig"):
        if shutil.which(tool) is None:
            raise SystemExit(f"{tool} is not installed: scripts/install-dependencies")
    unittest.main(verbosity=2)
