"""How many jobs make, ninja and meson keep under way beneath `extfarm run`.

A compiler that sleeps stands for the cores of other machines.  It sleeps until
the test wakes it, so what is counted does not depend on how long anything takes.
"""

import os
import shutil
import signal
import time
import unittest

from farm import contents, last_build, program
from hosts import descendants, wait_until
from one_machine import OneMachine

LAUNCHER = program("extfarm-cc")
MARK = "7261.%d"  # seconds; names the sleepers of this test
COMPILER = """#!/bin/sh
case " $* " in *[!a-z]s[0-9]*.c" "*) sleep MARK 2>/dev/null ;; esac
exec /usr/bin/gcc "$@"
"""
LOCAL_SLOTS = 2


def words_of(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return os.fsdecode(file.read()).split("\0")
    except OSError:
        return []


def parent_of(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        return int(file.read().rpartition(")")[2].split()[1])


class Jobs(OneMachine):
    def setUp(self):
        super().setUp()
        self.mark = MARK % os.getpid()
        self.compiler = os.path.join(self.home("tools"), "gcc")
        with open(self.compiler, "w", encoding="utf-8") as out:
            out.write(COMPILER.replace("MARK", self.mark))
        os.chmod(self.compiler, 0o755)

    def sleepers(self):
        """What each sleeper stands for, by its process: the words that its parent was started with."""
        found = {}
        for entry in filter(str.isdigit, os.listdir("/proc")):
            if words_of(entry)[:2] == ["sleep", self.mark]:
                try:
                    found[int(entry)] = " ".join(words_of(parent_of(entry)))
                except OSError:
                    continue  # It has ended meanwhile.
        return found

    def asleep(self):
        """Distinct sources that are being compiled, wherever."""
        return {word for words in self.sleepers().values() for word in words.split() if word.endswith(".c")}

    def wake(self, pids):
        for pid in pids:
            try:
                os.kill(pid, signal.SIGTERM)
            except ProcessLookupError:
                pass  # A second attempt was taken back.

    def launchers(self, build):
        return sum(name == "extfarm-cc" for _, name in descendants(build.pid))

    def start_remote(self, name, slots=16):
        return self.start_worker(name, "--trust", self.path("tools"), "--trust", "/usr", slots=slots)

    def start_run(self, *command, options=("--jobs", "auto"), **variables):
        return self.start("build", program("extfarm"), "run", *options, "--local", str(LOCAL_SLOTS), "--no-store", "--", *command,
                          **variables)

    def finish(self, build, at_each=lambda: None):
        """Wakes whoever sleeps until the build has ended."""
        end = time.monotonic() + 60
        while build.poll() is None and time.monotonic() < end:
            at_each()
            self.wake(self.sleepers())
            time.sleep(0.01)
        self.assertEqual(build.poll(), 0, self.log("build"))

    def expect(self, *command):
        """What the command alone makes; the project is laid out anew."""
        files = {name: content.decode() for name, content in contents(self.folder, "").items()}
        plain = self.start("plain", *command)
        self.finish_plain(plain)
        made = contents(self.folder, ".o", ".i")
        self.lay_out(files)
        return made

    def finish_plain(self, plain):
        while plain.poll() is None:
            self.wake(self.sleepers())
            time.sleep(0.01)
        self.assertEqual(plain.returncode, 0, self.log("plain"))


def sources(count):
    return {f"s{i}.c": f"int f{i}(void) {{ return {i}; }}\n" for i in range(count)}


def objects(count):
    return " ".join(f"s{i}.o" for i in range(count))


class Make(Jobs):
    MAKEFILE = "all: %s\n%%.o: %%.c\n\t$(CC) -c $< -o $@\n"

    def test_as_many_jobs_as_the_farm_has_slots_also_when_workers_come_and_go(self):
        count = 80
        self.lay_out({"Makefile": self.MAKEFILE % objects(count), **sources(count)})
        expected = self.expect("make", "-j8", f"CC={self.compiler}")
        self.start_remote("one")
        build = self.start_run("make", f"CC={LAUNCHER} {self.compiler}")
        wait_until(lambda: len(self.asleep()) >= 16 + LOCAL_SLOTS, f"18 compiles at once: {self.log('build')}", 20)
        # A step for each slot, and the local ones: they wait in the coordinator for a slot.
        self.assertLessEqual(self.launchers(build), 16 + 2 * LOCAL_SLOTS)

        two = self.start_remote("two")
        wait_until(lambda: len(self.asleep()) >= 32 + LOCAL_SLOTS, f"34 compiles at once: {self.log('build')}", 20)
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
        wait_until(lambda: len(self.asleep()) == count, f"all compiles: {self.log('build')}", 20)
        # All end at once, and only local steps are left to begin.
        most = 0

        def count_local():
            nonlocal most
            most = max(most, sum("echo done" in words for words in self.sleepers().values()))
        self.wake(self.sleepers())
        wait_until(lambda: count_local() or not self.asleep(), "end of the compiles")
        for _ in range(100):
            count_local()
            time.sleep(0.01)
        print(f"[ figure   ] {local} local steps after {count} on the farm: {most} at once", flush=True)
        self.finish(build, count_local)
        self.assertLessEqual(most, 2 * LOCAL_SLOTS)
        self.assertGreater(most, 0)


class Ninja(Jobs):
    FILES = {"build.ninja": "rule cc\n command = $cc -c $in -o $out\n" + "".join(f"build s{i}.o: cc s{i}.c\n" for i in range(40))}

    def test_it_is_told_how_many_jobs_the_farm_takes_at_its_start(self):
        text = f"cc = {LAUNCHER} {self.compiler}\n" + self.FILES["build.ninja"]
        self.lay_out({"build.ninja": text.replace(LAUNCHER + " ", ""), **sources(40)})
        expected = self.expect("ninja", "-j8")
        self.lay_out({"build.ninja": text, **sources(40)})
        self.start_remote("one")
        build = self.start_run("ninja")
        wait_until(lambda: len(self.asleep()) >= 16 + LOCAL_SLOTS, f"18 compiles at once: {self.log('build')}", 20)
        wait_until(lambda: self.launchers(build) == 16 + 2 * LOCAL_SLOTS, "two more steps that wait", 20)
        self.finish(build)
        self.assertEqual(contents(self.folder, ".o"), expected)

    def test_meson_finds_that_ninja(self):
        names = ", ".join(f"'s{i}.c'" for i in range(24))
        self.lay_out({"meson.build": f"project('p', 'c')\nstatic_library('together', {names})\n", **sources(24),
                      "farm.ini": f"[binaries]\nc = ['{LAUNCHER}', '{self.compiler}']\n"})
        self.start_remote("one")
        build = self.start_run("sh", "-c", "meson setup --native-file farm.ini b && meson compile -C b")
        wait_until(lambda: self.launchers(build) >= 16 + LOCAL_SLOTS, f"18 steps at once: {self.log('build')}", 20)
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


class LocalSteps(Jobs):
    def test_steps_that_the_farm_does_not_take_run_a_few_at_a_time(self):
        count = 10
        rules = f"all: {' '.join(f's{i}.i' for i in range(count))}\n%.i: %.c\n\t$(CC) -E $< -o $@\n"
        self.lay_out({"Makefile": rules, **sources(count)})
        expected = self.expect("make", "-j8", f"CC={self.compiler}")
        build = self.start_run("make", f"-j{count}", f"CC={LAUNCHER} {self.compiler}", options=())
        wait_until(lambda: len(self.asleep()) == LOCAL_SLOTS and self.launchers(build) == count - LOCAL_SLOTS,
                   f"steps: {self.log('build')}", 20)
        most = 0

        def count_them():
            nonlocal most
            most = max(most, len(self.asleep()))
        self.finish(build, count_them)
        self.assertEqual((most, contents(self.folder, ".i")), (LOCAL_SLOTS, expected))
        self.assertEqual(last_build(self.folder)["actions"]["passed_through"], count)

    def test_a_step_within_a_step_does_not_wait_for_it(self):
        self.lay_out(sources(1))
        inner = os.path.join(self.home("inner"), "inner")
        with open(inner, "w", encoding="utf-8") as out:
            out.write(f"#!/bin/sh\nexec {LAUNCHER} /usr/bin/gcc -E s0.c\n")
        os.chmod(inner, 0o755)
        done = self.run_build("--local", "1", command=(LAUNCHER, inner))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("int f0(void)", done.stdout)


class BeneathAnotherMake(Jobs):
    """`make -j3` whose rules are `+extfarm run -- make` and plain steps."""

    def lay_out_both(self, count, plain_steps):
        inner = f"all: {objects(count)}\n%.o: %.c\n\t{LAUNCHER} {self.compiler} -c $< -o $@\n"
        held = f"\t@sh -c 'sleep {self.mark} 2>/dev/null; echo plain step'\n"
        names = " ".join(f"p{i}" for i in range(plain_steps))
        run = f"\t+{program('extfarm')} run --no-store -- $(MAKE) -f inner.mk\n"
        self.lay_out({"Makefile": f"all: farm {names}\nfarm:\n{run}{names or 'none'}:\n{held}", "inner.mk": inner, **sources(count)})

    def test_local_compiles_take_its_tokens(self):
        self.lay_out_both(8, 6)
        outer = self.start("build", "make", "-j3")
        together = []

        def count_all():
            now = self.sleepers().values()
            together.append((len(now), sum("plain step" in words for words in now)))
        wait_until(lambda: count_all() or together[-1] == (3, 2), f"a compile beside two plain steps: {together[-1:]}", 20)
        self.finish(outer, count_all)
        # At times one more: what each of the two makes may always run.
        print(f"[ figure   ] at once beneath make -j3: {max(total for total, _ in together)}", flush=True)
        self.assertLessEqual(max(total for total, _ in together), 4)
        self.assertEqual(len(contents(self.folder, ".o")), 8)
        self.assertNotIn("jobserver", self.log("build"))

    def test_it_has_all_of_them_when_nobody_else_wants_any_and_gives_them_back(self):
        self.lay_out_both(6, 0)
        outer = self.start("build", "make", "-j3")
        # Three in all, but never more than twice the cores.
        most = min(3, 2 * len(os.sched_getaffinity(0)))
        wait_until(lambda: len(self.asleep()) == most, f"{most} compiles", 20)
        self.finish(outer)
        # make says so when its tokens do not come back.
        self.assertNotIn("token", self.log("build"))
        self.assertEqual(len(contents(self.folder, ".o")), 6)

    def test_the_farm_needs_none_of_them(self):
        self.lay_out_both(24, 2)
        self.start_remote("one")
        outer = self.start("build", "make", "-j3")
        wait_until(lambda: len(self.asleep()) >= 16, f"16 compiles: {self.log('build')}", 20)
        self.finish(outer)
        self.assertEqual(len(contents(self.folder, ".o")), 24)

    def test_one_that_is_not_handed_on_is_named(self):
        self.lay_out({"Makefile": f"all:\n\t{program('extfarm')} run -- true\n"})
        done = self.run_command("make", "-j3")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("begin the line of the makefile that calls extfarm with +", done.stderr)


class Usage(Jobs):
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
