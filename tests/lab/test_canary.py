"""`--verify`: a host that makes other bytes of the same inputs is found, named and left out."""

import os
import shutil
import signal
import subprocess
import unittest

import hosts
from farm import contents, last_build, program, start_worker
from hosts import LOCAL, SHARED, Lab, wait_until

PROJECT = SHARED + "/project"
COUNT = 12
SOURCES = {f"s{i}.c": f'const char text{i}[] = "CANARY-{i}-right";\n' for i in range(COUNT)}
MAKEFILE = "CC = gcc\nall: " + " ".join(f"s{i}.o" for i in range(COUNT)) + "\n%.o: %.c\n\t$(CC) $(CFLAGS) -c $< -o $@\n"
# Neither a tool nor an input: what attestation cannot see, as a broken memory would be.
WRONG = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
size_t fwrite(const void *bytes, size_t size, size_t count, FILE *out) {
  size_t (*next)(const void *, size_t, size_t, FILE *) = dlsym(RTLD_NEXT, "fwrite");
  char *found = strcmp(program_invocation_short_name, "as") ? 0 : memmem(bytes, size * count, "-right", 6);
  if (found) memcpy(found, "-WRONG", 6);
  return next(bytes, size, count, out);
}
"""


class Canary(unittest.TestCase):
    def setUp(self):
        self.lab = Lab("head", "one", "two", "three")
        self.addCleanup(self.lab.__exit__)
        self.folder = self.lab.path("project")
        self.lay_out({**SOURCES, "Makefile": MAKEFILE})
        plain = self.lab["head"].run("make", "-j4", cwd=PROJECT)
        self.assertEqual(plain.returncode, 0, plain.stderr)
        self.expected = self.take_objects()

    def lay_out(self, files):
        os.makedirs(self.folder, exist_ok=True)
        for name, text in files.items():
            with open(os.path.join(self.folder, name), "w", encoding="utf-8") as out:
                out.write(text)

    def take_objects(self):
        found = contents(self.folder, ".o")
        for name in found:
            os.unlink(os.path.join(self.folder, name))
        return found

    def start_workers(self, *names):
        announced = self.lab.path("home", ".extfarm", "workers")
        there = len(os.listdir(announced)) if os.path.isdir(announced) else 0
        workers = [start_worker(self.lab[name], 2) for name in names]
        wait_until(lambda: os.path.isdir(announced) and len(os.listdir(announced)) == there + len(names), "workers")
        return workers

    def make_wrong(self, name):
        library = self.lab.path("wrong.so")
        subprocess.run(["gcc", "-shared", "-fPIC", "-x", "c", "-", "-o", library, "-ldl"], input=WRONG, text=True, check=True)
        done = self.lab[name].run("sh", "-ec", f"cp {SHARED}/wrong.so {LOCAL}/; echo {LOCAL}/wrong.so >{LOCAL}/preload; "
                                  f"touch /etc/ld.so.preload; mount --bind {LOCAL}/preload /etc/ld.so.preload")
        self.assertEqual(done.returncode, 0, done.stderr)

    def command(self, *options, local="0"):
        return (program("extfarm"), "run", "--local", local, *options, "--", "make", f"-j{COUNT}",
                f"CC={program('extfarm-cc')} gcc")

    def build(self, *options, local="0"):
        return self.lab["head"].run(*self.command(*options, local=local), cwd=PROJECT)

    def test_hosts_that_agree(self):
        self.start_workers("one", "two")
        done = self.build("--verify", "1000")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.take_objects(), self.expected)
        told = last_build(self.folder)
        self.assertEqual(told["compared"], {"repeated": COUNT, "agreed": COUNT, "differed": 0, "not_reproducible": 0, "unanswered": 0,
                                            "wrong_results": 0})
        self.assertEqual((told["actions"]["total"], told["actions"]["on_workers"]), (COUNT, COUNT))

    def test_a_wrong_host_among_three(self):
        self.make_wrong("two")
        others = self.start_workers("two", "one", "three")[1:]
        for worker in others:  # so that the wrong one is the first
            worker.signal(signal.SIGSTOP)
        build = self.lab["head"].start(*self.command("--verify", "1000"), cwd=PROJECT)
        wait_until(lambda: contents(self.folder, ".o") or build.ended(), "first object")
        for worker in others:
            worker.signal(signal.SIGCONT)
        code, said = build.wait(120), build.output()
        told = last_build(self.folder)
        self.assertEqual(code, 75, said)
        self.assertEqual((told["status"], told["exit_code"]), ("failed", 75))
        self.assertIn("host two made another s", said)
        self.assertNotIn("host one made", said)
        self.assertNotIn("host three made", said)
        self.assertGreaterEqual(told["compared"]["differed"], 1)
        self.assertGreaterEqual(told["compared"]["wrong_results"], 1)
        self.assertEqual({worker["host"]: worker["quarantined"] for worker in told["workers"]},
                         {"one": False, "two": True, "three": False})

        # The next build makes anew what that host had made, also where the store might have had it, and nothing else.
        wrong = told["compared"]["wrong_results"]
        published = contents(self.folder, ".o")
        self.assertNotEqual(published, self.expected)
        self.assertLessEqual(len([name for name in published if published[name] != self.expected[name]]), wrong)
        self.assertEqual(self.lab["two"].run("sh", "-c", f": >{LOCAL}/preload").returncode, 0)  # repaired
        for name in SOURCES:
            os.utime(os.path.join(self.folder, name))  # so that make asks again
        done = self.build()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.take_objects(), self.expected)
        actions = last_build(self.folder)["actions"]
        self.assertEqual((actions["on_workers"], actions["restored"], actions["fresh"]), (wrong, 0, COUNT - wrong))

    def test_against_the_submitting_host(self):
        self.make_wrong("two")
        self.start_workers("two")
        done = self.build("--verify", "1000", local="1")
        self.assertEqual(done.returncode, 75, done.stderr)
        self.assertIn("host two made another s", done.stderr)

    def test_what_differs_from_run_to_run_is_nobodys_fault(self):
        self.lay_out({"s0.c": "const char text0[] = __TIME__;\n", "stamp.c": "const char s[] = __TIME__;\n"})
        self.start_workers("one", "two", "three")
        done = self.build("--verify", "1000")
        self.assertEqual(done.returncode, 0, done.stderr)
        compared = last_build(self.folder)["compared"]
        self.assertEqual((compared["differed"], compared["agreed"] + compared["not_reproducible"]), (0, COUNT), done.stderr)

    def test_nobody_else_is_there(self):
        self.start_workers("one")
        done = self.build("--verify", "1000")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(last_build(self.folder)["compared"]["unanswered"], COUNT)
        shutil.rmtree(os.path.join(self.folder, ".extfarm"))
        self.assertEqual(self.build("--verify", "1001").returncode, 2)


if __name__ == "__main__":
    hosts.main_or_say_why_not()
