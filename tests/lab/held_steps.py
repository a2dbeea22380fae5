"""Builds whose steps sleep until the test wakes them, so what is counted does not depend on how long anything takes.

A compiler that sleeps stands for the cores of other machines.
"""

import os
import signal
import time

from farm import contents, program
from hosts import descendants, words_of
from one_machine import OneMachine

LAUNCHER = program("extfarm-cc")
MARK = "7261.%d"  # seconds; names the sleepers of this test
COMPILER = """#!/bin/sh
case " $* " in *[!a-z]s[0-9]*.c" "*) sleep MARK 2>/dev/null ;; esac
exec /usr/bin/gcc "$@"
"""
LOCAL_SLOTS = 2


def parent_of(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        return int(file.read().rpartition(")")[2].split()[1])


class HeldSteps(OneMachine):
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

    def attempts(self):
        """The source of each attempt that sleeps, wherever: one that is overdue may have two, where a slot was free."""
        return [word for words in self.sleepers().values() for word in words.split() if word.endswith(".c")]

    def asleep(self):
        """Distinct sources that are being compiled."""
        return set(self.attempts())

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
