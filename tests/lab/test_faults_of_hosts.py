"""Hosts and filesystems that lack something: descriptors, room, memory; workers that are announced more than once."""

import contextlib
import json
import os
import signal
import subprocess
import time
import unittest

from campaign import files_of, problems_of
from farm import last_build, program
from hosts import descendants, wait_until
from one_machine import OneMachine, processes_with

UNITS = 12
COMPILER = """#!/bin/sh
case "$*" in *-c\\ f*) sleep 0.3 ;; *-c\\ slow*) sleep SECONDS ;; esac
exec /usr/bin/gcc "$@"
"""
FEW = ("prlimit", "--nofile=256:256")
FRONT_ENDS = 400 if "EXTFARM_SANITIZER" not in os.environ else 150  # more than the coordinator has room for


class FaultsOfHosts(OneMachine):
    def setUp(self):
        super().setUp()
        self.mark = f"2.{os.getpid()}"
        self.compiler = self.path("tools", "gcc")
        os.makedirs(self.path("tools"))
        with open(self.compiler, "w", encoding="utf-8") as out:
            out.write(COMPILER.replace("SECONDS", self.mark))
        os.chmod(self.compiler, 0o755)

    def graph(self, *names, size=1):
        """Files of a graph that compiles each; an object has that many bytes at least."""
        actions = [{"argv": [self.compiler, "-c", f"{n}.c", "-o", f"{n}.o"], "inputs": [f"{n}.c"], "outputs": [f"{n}.o"]}
                   for n in names]
        return {"graph.json": json.dumps({"schema": 1, "actions": actions}),
                **{f"{n}.c": f"char {n}[{size}] = {{1}};\n" for n in names}}

    def lay_out_with_results(self, files):
        """Lays out and returns what the compiler itself makes."""
        self.lay_out(files)
        expected = {name: text.encode() for name, text in files.items()}
        for name in files:
            if not name.endswith(".c"):
                continue
            made = self.path("made.o")
            subprocess.run(["/usr/bin/gcc", "-c", name, "-o", made], cwd=self.folder, check=True)
            with open(made, "rb") as file:
                expected[name[:-2] + ".o"] = file.read()
        return expected

    def start_worker_at(self, name, *options, bind="tcp://127.0.0.1:*", words=(), slots=2):
        worker = self.start(name, *words, program("extfarm-worker"), "--bind", bind, "--slots", str(slots), "--scratch",
                            self.path(name + ".scratch"), "--trust", self.path("tools"), "--trust", "/usr", *options, cwd="/")
        wait_until(lambda: "worker.ready" in self.log(name), lambda: f"worker: {self.log(name)}")
        return worker

    def start_build(self, *options, words=()):
        return self.start("build", *words, program("extfarm"), "build", "--manifest", "graph.json", "--no-store", *options)

    def check(self, build, expected, count):
        self.assertEqual(problems_of(self.folder, build.wait(100), expected, count), [], self.log("build"))
        return last_build(self.folder)

    def end(self, name, worker):
        """As a user does; nothing is left."""
        worker.send_signal(signal.SIGTERM)
        self.assertEqual(worker.wait(20), 0, self.log(name))
        self.assertEqual(os.listdir(self.path(name + ".scratch")), [])


class Beacons(FaultsOfHosts):
    def port_of(self, name):
        return next(word for word in self.log(name).split() if word.startswith("endpoint=")).rpartition(":")[2]

    def build_and_count_slots(self):
        names = [f"f{number}" for number in range(UNITS)]
        expected = self.lay_out_with_results(self.graph(*names))
        told = self.check(self.start_build("--local", "0"), expected, UNITS)
        self.assertEqual((told["actions"]["retried"], told["actions"]["backups"]), (0, 0), self.log("build"))
        return told["slots"]

    def test_a_worker_that_was_killed_and_started_again_at_its_port_is_one(self):
        worker = self.start_worker_at("worker")
        worker.kill()
        worker.wait()
        worker = self.start_worker_at("worker", bind="tcp://127.0.0.1:" + self.port_of("worker"))
        self.assertEqual(len(os.listdir(self.path("home", ".extfarm", "workers"))), 2)  # the dead one's, too
        self.assertEqual(self.build_and_count_slots(), 2)
        self.end("worker", worker)

    def test_copies_of_a_beacon_are_one_worker(self):
        worker = self.start_worker_at("worker")
        folder = self.path("home", ".extfarm", "workers")
        with open(os.path.join(folder, os.listdir(folder)[0]), encoding="utf-8") as file:
            beacon = json.load(file)
        for name, copied in (("copy", beacon), ("twin", {**beacon, "name": "a-twin"}), ("last", {**beacon, "name": "z-twin"})):
            with open(os.path.join(folder, name + ".json"), "w", encoding="utf-8") as out:
                json.dump(copied, out)
        self.assertEqual(self.build_and_count_slots(), 2)
        self.end("worker", worker)

    def test_two_endpoints_of_one_worker_that_answers_for_the_leases_of_both(self):
        worker = self.start_worker_at("worker")
        folder = self.path("home", ".extfarm", "workers")
        with open(os.path.join(folder, os.listdir(folder)[0]), encoding="utf-8") as file:
            beacon = json.load(file)
        names = [f"f{number}" for number in range(3 * UNITS)]
        expected = self.lay_out_with_results(self.graph(*names))
        build = self.start_build("--local", "0")
        wait_until(lambda: any(name.endswith(".o") for name in os.listdir(self.folder)), "first result")
        with open(os.path.join(folder, "other.json"), "w", encoding="utf-8") as out:  # found while leases run
            json.dump({**beacon, "name": "other", "endpoint": beacon["endpoint"].replace("127.0.0.1", "localhost")}, out)
        self.assertEqual(problems_of(self.folder, build.wait(100), expected, 3 * UNITS), [], self.log("build"))
        self.end("worker", worker)

    def test_the_beacon_of_a_worker_that_is_no_more(self):
        dead = self.start_worker_at("dead")
        dead.kill()
        dead.wait()
        worker = self.start_worker_at("worker")
        self.assertEqual(self.build_and_count_slots(), 2)
        self.end("worker", worker)


class Restarted(FaultsOfHosts):
    def begin(self):
        """A build of which the slow compile runs on the first worker."""
        expected = self.lay_out_with_results(self.graph("slow", *(f"f{number}" for number in range(6))))
        worker = self.start_worker_at("worker")
        build = self.start_build("--local", "0")
        wait_until(lambda: processes_with(self.mark), "slow compile")
        return expected, worker, build

    def test_a_worker_is_killed_and_started_again_while_its_attempts_run(self):
        expected, worker, build = self.begin()
        before = processes_with(self.mark)
        worker.kill()
        worker.wait()
        again = self.start_worker_at("again")
        wait_until(lambda: not set(before) & set(processes_with(self.mark)), "end of the old attempt", 5)
        self.check(build, expected, 7)
        self.end("again", again)
        self.assertEqual(processes_with(self.mark), [])

    def test_a_worker_that_stood_still_goes_on_when_another_has_its_place(self):
        expected, worker, build = self.begin()
        old = [worker.pid, *(pid for pid, _ in descendants(worker.pid))]
        for pid in old:
            os.kill(pid, signal.SIGSTOP)
        again = self.start_worker_at("again")
        wait_until(lambda: len(processes_with(self.mark)) > 1, "second attempt")
        for pid in old:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        self.check(build, expected, 7)
        self.end("worker", worker)
        self.end("again", again)
        self.assertEqual(processes_with(self.mark), [])


class Memory(FaultsOfHosts):
    def test_a_worker_with_less_memory_than_a_compile_is_thought_to_need(self):
        names = [f"f{number}" for number in range(4)]
        expected = self.lay_out_with_results(self.graph(*names))
        worker = self.start_worker_at("worker", "--memory", "0.1")
        self.check(self.start_build("--local", "0"), expected, len(names))
        self.end("worker", worker)


class Descriptors(FaultsOfHosts):
    def test_256_for_a_worker_and_for_a_coordinator_with_more_front_ends(self):
        names = [f"f{number}" for number in range(FRONT_ENDS)]
        files = {f"{n}.c": f"int {n};\n" for n in names}
        files["Makefile"] = "all: " + " ".join(f"{n}.o" for n in names) + "\n%.o: %.c\n\t$(CC) -c $< -o $@\n"
        expected = self.lay_out_with_results(files)
        worker = self.start_worker_at("worker", slots=60, words=FEW)
        began = time.monotonic()
        build = self.start("build", *FEW, program("extfarm"), "run", "--local", "0", "--no-store", "--", "make",
                           f"-j{FRONT_ENDS}", f"CC={program('extfarm-cc')} {self.compiler}")
        self.assertEqual(build.wait(200), 0, self.log("build")[-3000:])
        seconds = time.monotonic() - began
        self.assertEqual({name: bytes_ for name, bytes_ in files_of(self.folder).items() if expected.get(name) != bytes_}, {})
        told = last_build(self.folder)
        if "EXTFARM_SANITIZER" not in os.environ:  # with one, so many launchers are more than this worker's heartbeats get through
            self.assertEqual((told["actions"]["on_workers"], told["actions"]["retried"]), (FRONT_ENDS, 0), self.log("build")[-3000:])
        print(f"[ figure   ] {FRONT_ENDS} front ends, 256 descriptors: {seconds:.1f} s, of which the coordinator worked "
              f"{told['coordinator_cpu_seconds']:.2f}", flush=True)
        self.assertNotIn("Too many open files", self.log("build") + self.log("worker"))
        self.end("worker", worker)

    def test_front_ends_that_wait_for_a_slot_do_not_keep_out_whom_its_holder_has_started(self):
        """A compiler of the project's own, which runs here and calls the launcher itself; the coordinator has room for 32."""
        names = [f"f{number}" for number in range(60)]
        files = {f"{n}.c": f"int {n};\n" for n in names}
        files["wrapper"] = f'#!/bin/sh\nexec {program("extfarm-cc")} gcc "$@"\n'
        files["Makefile"] = "all: " + " ".join(f"{n}.o" for n in names) + "\n%.o: %.c\n\t$(CC) -c $< -o $@\n"
        expected = self.lay_out_with_results(files)
        os.chmod(self.path("project", "wrapper"), 0o755)
        build = self.start("build", "prlimit", "--nofile=64:64", program("extfarm"), "run", "--local", "2", "--no-store", "--",
                           "make", f"-j{len(names)}", f"CC={program('extfarm-cc')} {self.path('project', 'wrapper')}")
        self.assertEqual(build.wait(100), 0, self.log("build")[-3000:])
        self.assertEqual({name: bytes_ for name, bytes_ in files_of(self.folder).items() if expected.get(name) != bytes_}, {})
        self.assertEqual(last_build(self.folder)["actions"]["on_workers"], len(names), self.log("build")[-3000:])


@unittest.skipIf(os.geteuid() != 0, "mounting a small filesystem needs root")
class FullDisk(FaultsOfHosts):
    """The project on a filesystem of its own, of which hardly anything is left."""

    def setUp(self):
        super().setUp()
        os.makedirs(self.folder)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "project", self.folder], check=True)
        self.addCleanup(subprocess.run, ["umount", "--lazy", self.folder], check=True)

    def lay_out(self, files):
        for name, text in files.items():
            with open(self.path("project", name), "w", encoding="utf-8") as out:
                out.write(text)

    def fill(self, kept_bytes=0):
        """Until no more than that many bytes are free."""
        free = os.statvfs(self.folder).f_bavail * os.statvfs(self.folder).f_frsize
        with open(self.path("project", "filler"), "wb") as out:
            subprocess.run(["head", "-c", str(max(0, free - kept_bytes)), "/dev/zero"], check=False, stderr=subprocess.DEVNULL, stdout=out)

    def make_room(self):
        os.unlink(self.path("project", "filler"))

    def begin(self):
        names = [f"f{number}" for number in range(UNITS)]
        expected = self.lay_out_with_results(self.graph(*names, size=200_000))
        worker = self.start_worker_at("worker")
        return expected, worker

    def test_what_did_not_fit_is_told_and_built_when_there_is_room(self):
        expected, worker = self.begin()
        build = self.start_build("--local", "0")
        wait_until(lambda: any(name.endswith(".o") for name in os.listdir(self.folder)), "first object")
        self.fill(400_000)
        self.assertNotEqual(build.wait(100), 0, self.log("build"))
        self.assertIn("No space left on device", self.log("build"))
        self.make_room()
        found = files_of(self.folder)
        self.assertEqual({name for name in found if found[name] != expected.get(name)}, set(), "cut short, or left behind")
        told = self.check(self.start_build("--local", "0"), expected, UNITS)
        self.assertGreater(told["actions"]["fresh"], 0)
        self.assertNotIn("damaged", " ".join(os.listdir(self.path("project", ".extfarm"))))
        self.end("worker", worker)

    def test_full_before_the_first_result(self):
        expected, worker = self.begin()
        self.fill()
        build = self.start_build("--local", "0")
        self.assertNotEqual(build.wait(100), 0, self.log("build"))
        self.make_room()
        self.check(self.start_build("--local", "0"), expected, UNITS)
        self.end("worker", worker)

    def test_full_for_a_moment_no_worker_is_held_for_guilty(self):
        expected, worker = self.begin()
        other = self.start_worker_at("other")
        build = self.start_build("--local", "0")
        wait_until(lambda: any(name.endswith(".o") for name in os.listdir(self.folder)), "first object")
        self.fill()
        time.sleep(1.2)
        self.make_room()
        told = self.check(build, expected, UNITS)
        self.assertGreater(told["actions"]["retried"], 0)
        self.assertEqual([worker["quarantined"] for worker in told["workers"]], [False, False], self.log("build"))
        self.end("worker", worker)
        self.end("other", other)


if __name__ == "__main__":
    unittest.main(verbosity=2)
