"""A considerate worker on somebody's machine: they get it back at once, the build ends elsewhere, the slots come back."""

import contextlib
import os
import signal
import time
import unittest

from farm import last_build, program
from hosts import descendants, wait_until
from one_machine import OneMachine
from people import Person, write_utmp

# Takes a compiler some seconds of processor time; the number makes each another one.
FUNCTION = """int f%d(int *p, int n) { int s = %d; for (int i = 0; i < n; i++) for (int j = 0; j < i; j++)
  { s += p[i] * p[j] ^ (s >> 3); if (s & %d) p[j] = s; else s -= p[i ^ j]; } return s; }
"""
MAKEFILE = "all: a.o b.o\n%.o: %.c\n\t$(CC) -O3 -c $< -o $@\n"
FUNCTION_COUNT = 250
COMPILERS = ("gcc", "cc1", "as")


def source(number):
    return "".join(FUNCTION % (i, number, i) for i in range(FUNCTION_COUNT))


def processor_seconds(pid):
    """What a process and all below it have used, those that have ended included."""
    total = 0
    for one in [pid, *(child for child, _ in descendants(pid))]:
        try:
            with open(f"/proc/{one}/stat", encoding="utf-8", errors="replace") as file:
                total += sum(map(int, file.read().rpartition(")")[2].split()[11:15]))
        except OSError:
            continue
    return total / os.sysconf("SC_CLK_TCK")


def policies_of_compilers(worker):
    found = set()
    for pid, name in descendants(worker.pid):
        if name in COMPILERS:
            with contextlib.suppress(ProcessLookupError):
                found.add(os.sched_getscheduler(pid))
    return found


class Considerate(OneMachine):
    def setUp(self):
        super().setUp()
        self.lay_out({})
        os.makedirs(self.folder)
        self.alice = Person("alice", "lab07")
        self.addCleanup(self.alice.logs_out)
        self.utmp = self.path("utmp")
        write_utmp(self.utmp, self.alice)

    def compilers_of(self, worker):
        return [name for _, name in descendants(worker.pid) if name in COMPILERS]

    def status(self):
        return self.run_command(program("extfarm"), "status").stdout

    def objects(self):
        found = {}
        for name in ("a.o", "b.o"):
            with open(os.path.join(self.folder, name), "rb") as file:
                found[name] = file.read()
        return found

    def test_a_person_who_sits_down_gets_the_machine_back(self):
        files = {"Makefile": MAKEFILE, "a.c": source(1), "b.c": source(2)}
        self.lay_out(files)
        self.assertEqual(self.run_command("make", "-j2", "CC=gcc").returncode, 0)
        plain = self.objects()
        self.lay_out(files)
        desk = self.start_worker("desk", "--mind-people", "--idle-priority", "--utmp", self.utmp, slots=2)
        make = ("make", "-j2", "CC=" + program("extfarm-cc") + " gcc")
        build = self.start("build", program("extfarm"), "run", "--local", "0", "--", *make)
        wait_until(lambda: self.compilers_of(desk).count("cc1") == 2, "two compiles on alice's machine")
        wait_until(lambda: policies_of_compilers(desk) == {os.SCHED_IDLE}, "idle priority")  # given once it runs
        self.assertEqual(os.sched_getscheduler(desk.pid), os.SCHED_OTHER, "it must speak in time")
        self.start_worker("rack", slots=2)

        self.alice.types()
        began = time.monotonic()
        wait_until(lambda: not self.compilers_of(desk), "end of the compiles there", 2)
        print(f"[ figure   ] alice had her machine back after {time.monotonic() - began:.2f} s", flush=True)
        used, since = processor_seconds(desk.pid), time.monotonic()
        told = wait_until(lambda: " 0 of 2 slots: alice is logged in from lab07" in self.status() and self.status(), "word of it")
        examined = self.run_command(program("extfarm"), "doctor", "--compiler", "gcc").stdout
        self.assertIn("0 of 2 slots: alice is logged in from lab07", examined)
        used, since = processor_seconds(desk.pid) - used, time.monotonic() - since
        self.assertLess(used, 0.2 * since + 0.3, "the doctor's questions are answered, nothing else")
        print(told)

        self.assertEqual(build.wait(120), 0, self.log("build"))
        self.assertEqual(self.objects(), plain)
        report = last_build(self.folder)
        self.assertEqual(report["actions"]["on_workers"], 2)
        self.assertGreaterEqual(report["actions"]["retried"], 2)
        self.assertEqual([worker["quarantined"] for worker in report["workers"]], [False, False])
        self.assertEqual(sorted(worker["actions"] for worker in report["workers"]), [0, 2])

        self.alice.has_been_away_for(301)
        wait_until(lambda: "slots:" not in self.status(), "slots that are back", 20)
        self.assertIn("offer.changed slots=2 of=2", self.log("desk"))

    def test_it_comes_back_for_the_same_build(self):
        self.lay_out({"Makefile": MAKEFILE, "a.c": "int a;\n", "b.c": "int b;\n"})
        self.alice.types()
        self.start_worker("desk", "--mind-people", "--utmp", self.utmp, slots=2)
        make = ("make", "-j2", "CC=" + program("extfarm-cc") + " gcc")
        wait_until(lambda: "0 of 2 slots" in self.status(), "word of alice")
        build = self.start("build", program("extfarm"), "run", "--local", "0", "--", *make)
        wait_until(lambda: "coordinator.joined" in self.log("desk"), "the build at the desk")
        write_utmp(self.utmp)  # She logs out.
        self.assertEqual(build.wait(60), 0, self.log("build"))
        self.assertEqual(last_build(self.folder)["actions"]["on_workers"], 2, self.log("build"))

    def test_a_worker_that_cannot_see_people_does_not_promise_to(self):
        refused = self.start("desk", program("extfarm-worker"), "--mind-people", "--utmp", self.path("absent"), cwd="/")
        self.assertEqual(refused.wait(20), 78)
        self.assertIn("cannot tell who is logged in: " + self.path("absent"), self.log("desk"))

    def test_options_that_make_no_sense_are_refused(self):
        for words, complaint in (
                (("--hours", "19:00-07:00,fry"), '"fry" is neither a time nor a day'),
                (("--slots-when-used", "1"), "--slots-when-used means nothing alone: add --considerate"),
                (("--mind-load", "--away-after", "9"), "--away-after means nothing alone: add --considerate or --mind-people"),
                (("--nice", "-5"), "--nice"),
                (("--time-limit", "0"), "--time-limit")):
            done = self.run_command(program("extfarm-worker"), *words)
            self.assertEqual(done.returncode, 2, words)
            self.assertIn(complaint, done.stdout + done.stderr)

    def test_who_drains_is_not_held_up(self):
        self.alice.types()
        desk = self.start_worker("desk", "--mind-people", "--utmp", self.utmp, slots=2)
        desk.send_signal(signal.SIGTERM)
        self.assertEqual(desk.wait(20), 0, self.log("desk"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
