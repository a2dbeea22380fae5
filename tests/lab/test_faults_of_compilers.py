"""Compilers that do on one of two hosts what no compiler should: the build ends, with the bytes of the plain compiler."""

import json
import os
import time
import unittest

import control_group
from campaign import files_of, problems_of
from farm import attempts_of, last_build, program
from faults import SCRATCH_MEGABYTES
from hosts import LOCAL, SHARED, Lab, descendants, main_or_say_why_not, wait_until

PROJECT, COMPILER = SHARED + "/project", SHARED + "/tools/gcc"
UNITS = 10
# FAULT befalls the compiles of WHICH, and on host one alone where it says so.
SCRIPT = """#!/bin/sh
read -r host < /proc/sys/kernel/hostname
case "$*" in *-c\\ WHICH*) FAULT ;; *"-c "*) sleep 0.2 ;; esac
exec /usr/bin/gcc "$@"
"""
# The other host takes its time, so that one is there, and asked, before all is done.
ON_ONE = "if [ $host = one ]; then FAULT; else sleep 0.8; fi"
# What a compiler does that finds no end, and what gcc then says.
ENDLESS = """#!/usr/bin/python3
import sys
kept = []
try:
    while True:
        kept.append(bytearray(1 << 20))
except MemoryError:
    kept.clear()
    sys.exit("cc1: out of memory allocating 1048576 bytes after a total of 209715200 bytes")
"""
# For which cc1 takes 130 MB: a million numbers.
LARGE = "".join(f"#define {name} {','.join([of] * 10)}\n" for name, of in zip("ABCDEF", "1ABCDE")) + "char f3[] = {F};\n"
GROUP_LIMIT_BYTES, PROCESS_LIMIT_BYTES = 100 << 20, 70 << 20
# Each process by itself keeps to the group's limit, which the worker knows; together they do not.
CROWDED = """#!/usr/bin/python3
import subprocess, sys
kept = bytearray(25 << 20)
sys.exit(subprocess.call(["/usr/bin/gcc", *sys.argv[1:]]))
"""
NO_ROOM_FOR_A_SANITIZER = unittest.skipIf("EXTFARM_SANITIZER" in os.environ, "a sanitizer's own memory exceeds the limit")


class CompilersOnTwoHosts(unittest.TestCase):
    def setUp(self):
        self.lab = Lab("head", "one", "two")
        self.addCleanup(self.lab.__exit__)
        self.folder, self.workers, self.sources = self.lab.path("project"), {}, {}
        self.speeds = {"one": 100, "two": 100}  # as they say; what they measured beside each other would differ

    def write(self, name, text, mode=0o644):
        os.makedirs(os.path.dirname(self.lab.path(name)), exist_ok=True)
        with open(self.lab.path(name), "w", encoding="utf-8") as out:
            out.write(text)
        os.chmod(self.lab.path(name), mode)

    def lay_out(self, fault, which):
        self.write("tools/gcc", SCRIPT.replace("FAULT", fault).replace("WHICH", which), 0o755)
        actions = []
        for number in range(UNITS):
            text = self.sources.get(number, f"int f{number}(int a) {{ return a + {number}; }}\n")
            self.write(f"project/f{number}.c", text)
            actions.append({"argv": [COMPILER, "-O1", "-MD", "-c", f"f{number}.c", "-o", f"f{number}.o"],
                            "inputs": [f"f{number}.c"], "outputs": [f"f{number}.o"]})
        objects = [f"f{number}.o" for number in range(UNITS)]
        actions.append({"argv": ["ar", "rcsD", "all.a", *objects], "inputs": objects, "outputs": ["all.a"]})
        self.write("project/graph.json", json.dumps({"schema": 1, "actions": actions}))
        return actions

    def plain(self, actions):
        """What the compiler itself makes; the project is laid out anew."""
        sources = files_of(self.folder)
        for action in actions:
            done = self.lab["head"].run(*["/usr/bin/gcc" if word == COMPILER else word for word in action["argv"]],
                                        cwd=PROJECT)
            self.assertEqual(done.returncode, 0, done.stderr)
        made = files_of(self.folder)
        for name in set(made) - set(sources):
            os.unlink(os.path.join(self.folder, name))
        return made

    def start_worker(self, name, *words, options=()):
        host = self.lab[name]
        self.workers[name] = host.start(*words, program("extfarm-worker"), "--slots", "2", "--advertise", host.address,
                                        "--scratch", LOCAL + "/scratch", "--trust", SHARED + "/tools", "--trust", "/usr",
                                        "--speed", str(self.speeds[name]), *options)
        wait_until(lambda: "worker.ready" in self.workers[name].output(), "worker: " + name)

    def build(self, fault, which="f[3-9].c", hangs=None, repeated=True):
        """Host two comes when the process `hangs` is there on host one; without, both are there from the start."""
        actions = self.lay_out(fault, which)
        expected = self.plain(actions)
        for name in ("one",) if hangs else ("one", "two"):
            if name not in self.workers:
                self.start_worker(name)
        build = self.lab["head"].start(program("extfarm"), "build", "--manifest", "graph.json", "--no-store", "--local", "0",
                                       cwd=PROJECT)
        if hangs:
            wait_until(lambda: build.ended() or hangs in self.workers["one"].names(), hangs)
            self.start_worker("two")
        code = build.wait(100)
        self.assertEqual(problems_of(self.folder, code, expected, UNITS + 1), [], build.output())
        told = last_build(self.folder)["actions"]
        if repeated:
            self.assertGreater(told["retried"] + told["backups"], 0, build.output())
        else:  # on a busy machine an attempt may be overdue, and have a backup
            self.assertEqual(told["retried"], 0, build.output())
        self.check_that_nothing_is_left()

    def check_that_nothing_is_left(self):
        """While the workers live, and after their end."""
        for name, worker in self.workers.items():
            wait_until(lambda worker=worker: worker.names() == ["extfarm-worker"], f"end of what ran on {name}", 10)
        for name, worker in self.workers.items():
            worker.signal(15)
            self.assertEqual(worker.wait(20), 0, worker.output())
            left = [left for _, left in descendants(self.lab[name].pid) if left != "sleep"]
            left += self.lab[name].run("find", LOCAL + "/scratch", "-mindepth", "1").stdout.split()
            self.assertEqual(left, [], name)

    def on_one(self, fault):
        return ON_ONE.replace("FAULT", fault)


class FaultsOfCompilers(CompilersOnTwoHosts):
    def test_it_hangs(self):
        self.build(self.on_one("exec tail -f /dev/null"), "f3.c", hangs="tail")

    def test_it_hangs_deaf_to_signals(self):
        self.build(self.on_one("trap '' TERM INT HUP; while :; do tail -f /dev/null; done"), "f3.c", hangs="tail")

    def test_it_leaves_a_process_behind(self):
        self.build("setsid sleep 10002 < /dev/null > /dev/null 2>&1 &", repeated=False)

    def test_it_leaves_a_process_behind_that_holds_its_pipes(self):
        self.build("setsid sleep 10003 &", repeated=False)

    def test_it_leaves_a_process_behind_that_leaves_another(self):
        self.build("(setsid sh -c 'trap \"\" TERM HUP; (setsid sleep 10004 &) ; exec sleep 10005' &)", repeated=False)

    def test_it_floods_its_output(self):
        self.build(self.on_one("exec yes"))

    def test_it_floods_its_errors(self):
        self.build(self.on_one("exec yes >&2"))

    def test_it_crashes(self):
        self.build(self.on_one("kill -SEGV $$"))

    def test_it_is_killed_in_its_driver(self):
        self.build(self.on_one("echo 'gcc: fatal error: Killed signal terminated program cc1' >&2; exit 1"))

    def start_with_small_disk(self):
        small = f"mkdir {LOCAL}/scratch && mount -t tmpfs -o size={SCRATCH_MEGABYTES}m scratch {LOCAL}/scratch"
        self.assertEqual(self.lab["one"].run("sh", "-ec", small).returncode, 0)
        self.start_worker("one")

    def test_it_writes_two_gigabytes_where_it_compiles(self):
        self.start_with_small_disk()
        self.build(self.on_one("head -c 2G /dev/zero > f3.s || exit 1"))

    def test_it_writes_two_gigabytes_to_its_temporary_folder(self):
        self.start_with_small_disk()
        self.build(self.on_one("head -c 2G /dev/zero > ${TMPDIR:-/tmp}/f3.s || exit 1"))

    def test_it_writes_more_than_a_file_may_have(self):
        self.start_worker("one", "prlimit", "--fsize=50000000")
        self.build(self.on_one("exec head -c 2G /dev/zero > f3.s"))

    @NO_ROOM_FOR_A_SANITIZER
    def test_it_takes_memory_without_end(self):
        self.write("tools/endless", ENDLESS, 0o755)
        self.start_worker("one", "prlimit", "--data=200000000")
        self.build(self.on_one(f"exec {SHARED}/tools/endless"))


class SlowHost(CompilersOnTwoHosts):
    def test_a_faster_one_comes_when_the_longest_compile_has_just_begun(self):
        """It begins again there, though it would end on the slow host too."""
        self.speeds["two"] = 300
        self.sources[3] = LARGE
        self.build(self.on_one("timeout 90 tail -f /dev/null"), "f3.c", hangs="tail", repeated=False)
        # On a machine that is slow itself it may be overdue on host two as well.
        self.assertEqual(attempts_of(self.folder, "f3.o")[:2], [("one", "stopped"), ("two", "succeeded")])


class LargeCompiles(CompilersOnTwoHosts):
    @NO_ROOM_FOR_A_SANITIZER
    def test_it_needs_more_memory_than_the_control_group_of_its_worker_has(self):
        """The kernel kills cc1, not the worker; the other host makes it."""
        group, why_not = control_group.with_memory(GROUP_LIMIT_BYTES)
        if group:
            self.addCleanup(group.end)
            words = group.words
        else:
            print(f"[ NOT SO   ] no control group with a limit on memory can be made here ({why_not}); in its place each "
                  "process is limited (RLIMIT_DATA)", flush=True)
            words = ("prlimit", f"--data={PROCESS_LIMIT_BYTES}")
        self.sources[3] = LARGE
        self.write("tools/crowded", CROWDED, 0o755)
        self.start_worker("one", *words, options=("--memory", "8"))  # so that it is given what it has no room for
        self.build(self.on_one(f'timeout 2 tail -f /dev/null; exec {SHARED}/tools/crowded "$@"'), "f3.c", hangs="tail")
        self.assertEqual(attempts_of(self.folder, "f3.o"), [("one", "out_of_memory"), ("two", "succeeded")])
        if group:
            self.assertEqual(group.kills(), 1)

    def test_two_gigabytes_are_a_result(self):
        """They come home as they are, and nothing else of the build is lost over them."""
        size = "256M" if "EXTFARM_SANITIZER" in os.environ else "2G"  # with one, decrypting them takes a minute of two cores
        self.lay_out(f'/usr/bin/gcc "$@" && truncate -s {size} f3.o; exit', "f3.c")
        os.unlink(os.path.join(self.folder, "graph.json"))
        names = [f"f{number}" for number in range(UNITS)]
        self.write("project/graph.json", json.dumps({"schema": 1, "actions": [
            {"argv": [COMPILER, "-c", name + ".c", "-o", name + ".o"], "inputs": [name + ".c"], "outputs": [name + ".o"]}
            for name in names]}))
        for name in ("one", "two"):
            self.start_worker(name)
        began = time.monotonic()
        build = self.lab["head"].start(program("extfarm"), "build", "--manifest", "graph.json", "--no-store", "--local", "0",
                                       cwd=PROJECT)
        self.assertEqual(build.wait(200), 0, build.output())
        print(f"[ figure   ] {size} came home within {time.monotonic() - began:.1f} s", flush=True)
        for name in names:
            made = self.lab["head"].run("sh", "-ec", f"/usr/bin/gcc -c {name}.c -o {LOCAL}/{name}.o; "
                                        f"[ {name} != f3 ] || truncate -s {size} {LOCAL}/f3.o; cmp {LOCAL}/{name}.o {name}.o",
                                        cwd=PROJECT)
            self.assertEqual((made.returncode, made.stdout), (0, ""), made.stderr)
        told = last_build(self.folder)["actions"]
        self.assertEqual((told["on_workers"], told["failed"]), (UNITS, 0), build.output())
        self.check_that_nothing_is_left()


if __name__ == "__main__":
    main_or_say_why_not()
