"""What a user sees when the farm, or part of it, is not there: the build succeeds all the same."""

import contextlib
import os
import re
import signal
import time
import unittest

from farm import BUILD, last_build, program
from hosts import descendants, wait_until
from one_machine import OneMachine, c_module, c_project, processes_with


class Degrades(OneMachine):
    def warnings(self, text):
        return [line for line in text.splitlines() if line.startswith("extfarm: ") and "building locally" in line]

    def test_no_worker_is_reachable(self):
        self.lay_out(c_project("one", "two"))
        done = self.verify_build("--local", "0")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(len(self.warnings(done.stderr)), 1, done.stderr)
        self.assertIn("The same, to the byte.", done.stdout)
        self.assertEqual(last_build(self.folder)["actions"]["on_workers"], 0)

    def test_the_only_worker_named_does_not_answer(self):
        self.lay_out(c_project("one"))
        done = self.verify_build("--local", "0", "--workers", "tcp://127.0.0.1:1")
        self.assertEqual((done.returncode, len(self.warnings(done.stderr))), (0, 1), done.stderr)
        self.assertIn("The same, to the byte.", done.stdout)

    def test_a_worker_with_two_addresses_counts_once(self):
        self.start_worker("worker", slots=2)
        port = re.search(r"tcp://127\.0\.0\.1:(\d+)", self.log("worker"))[1]
        self.lay_out(c_project("one", "two", "three", "four"))
        done = self.run_build("--local", "0", "--workers", f"tcp://127.0.0.1:{port} tcp://localhost:{port}")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stderr.count("it counts once"), 1, done.stderr)
        actions = last_build(self.folder)["actions"]
        self.assertEqual((actions["on_workers"], actions["retried"]), (8, 0))
        self.assertEqual(last_build(self.folder)["slots"], 2)

    def test_disabled_it_is_the_command_alone(self):
        expected = self.plain(c_project("one", "two"))
        alone = self.run_command(*BUILD)
        self.lay_out(c_project("one", "two"))
        done = self.run_build(EXTFARM_DISABLE="1")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, alone.stdout, alone.stderr))
        self.assertEqual(self.built(), expected)
        self.assertFalse(os.path.exists(os.path.join(self.folder, ".extfarm")))

    def test_quiet_adds_not_one_byte(self):
        words = ("sh", "-c", "echo out; echo err >&2; exit 3")
        self.lay_out({"x": ""})
        done = self.run_build("-q", command=words)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (3, "out\n", "err\n"))

    def test_the_coordinator_is_killed_in_mid_build(self):
        files = c_project("one", "slow", "two")
        compiler = self.slow_compiler("1.2731")
        tools = {"CC": compiler, "LDSHARED": "/usr/bin/gcc -shared"}
        expected = self.plain(files, **tools)
        build = self.start("build", program("extfarm"), "run", "-j", "1", "--", *BUILD, **tools)
        wait_until(lambda: processes_with("1.2731"), "slow compile")
        command = wait_until(lambda: [pid for pid, name in descendants(build.pid) if name == "python3"], "setup.py")[0]
        os.kill(build.pid, signal.SIGKILL)
        build.wait()
        wait_until(lambda: not os.path.exists(f"/proc/{command}/exe"), "end of setup.py")
        self.assertEqual(self.log("build").count("extfarm: lost the coordinator"), 1, self.log("build"))
        self.assertEqual(self.built(), expected)
        self.assertEqual(processes_with("1.2731"), [])

    def test_the_local_worker_is_killed_in_mid_build(self):
        files = c_project("one", "slow", "two")
        tools = {"CC": self.slow_compiler("1.2732"), "LDSHARED": "/usr/bin/gcc -shared"}
        expected = self.plain(files, **tools)
        build = self.start("build", program("extfarm"), "run", "-j", "1", "--", *BUILD, **tools)
        wait_until(lambda: processes_with("1.2732"), "slow compile")
        for pid, name in descendants(build.pid):
            if name == "extfarm-worker":
                with contextlib.suppress(ProcessLookupError):  # its fork server dies with it
                    os.kill(pid, signal.SIGKILL)
        self.assertEqual(build.wait(120), 0, self.log("build"))
        self.assertEqual(self.built(), expected)
        self.assertIn("the local worker ended", self.log("build"))


class Interrupted(OneMachine):
    def interrupt(self, seconds, stop):
        """Interrupts a build in its slow compile.  Returns its exit code."""
        mark = f"{seconds}.{os.getpid()}"
        files = c_project("one", "slow", "two")
        tools = {"LDSHARED": "/usr/bin/gcc -shared"}
        expected = self.plain(files, CC="/usr/bin/gcc", **tools)
        build = self.start("build", program("extfarm"), "run", "-j", "2", "--", *BUILD, CC=self.slow_compiler(mark),
                           **tools)
        wait_until(lambda: processes_with(mark), "slow compile")
        began = time.monotonic()
        stop(build)
        wait_until(lambda: not processes_with(mark), "end of the compile", 10)
        compile_ended = time.monotonic() - began
        build.wait(20)
        print(f"[ figure   ] interrupted: compiles gone after {compile_ended:.2f} s, all after "
              f"{time.monotonic() - began:.2f} s", flush=True)
        for name, content in self.built().items():
            self.assertEqual(content, expected.get(name), name)
        everything = {os.path.join(where, name) for where, _, names in os.walk(self.folder) for name in names
                      if ".extfarm" not in where}
        known = {os.path.join(self.folder, name) for name in [*expected, *files]}
        self.assertEqual(everything - known, set(), "left behind")
        self.assertEqual(last_build(self.folder)["status"], "cancelled")
        return build.returncode

    def test_ctrl_c_at_the_terminal(self):
        code = self.interrupt(971, lambda build: os.killpg(build.pid, signal.SIGINT))
        self.assertNotEqual(code, 0)

    def test_a_signal_to_extfarm_alone(self):
        code = self.interrupt(972, lambda build: os.kill(build.pid, signal.SIGTERM))
        self.assertEqual(code, 128 + signal.SIGTERM)


class CompileErrors(OneMachine):
    def test_the_compilers_own_words_once_and_the_same_exit_code(self):
        files = dict(c_project("one", "bad"), **{"bad.c": "int x = nothing_of_the_kind;\n"})
        self.lay_out(files)
        plain = self.run_command(*BUILD)
        self.lay_out(files)
        done = self.run_build()
        self.assertNotEqual(plain.returncode, 0)
        self.assertEqual(done.returncode, plain.returncode)
        words = "‘nothing_of_the_kind’ undeclared here"
        self.assertEqual((plain.stderr.count(words), (done.stdout + done.stderr).count(words)), (1, 1), done.stderr)
        self.assertEqual(last_build(self.folder)["actions"]["failed"], 1)

    def test_a_warning_is_printed_once(self):
        files = dict(c_project("one"), **{"one.c": c_module("one") + "#warning look here\n"})
        self.lay_out(files)
        for options in ((), ("--force",)):
            done = self.run_build(*options, command=(*BUILD, "--force"))
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual((done.stdout + done.stderr).count("warning: #warning look here"), 1, done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
