"""Workers that see other bytes than the submitting host: no wrong byte comes back, and what differs is named."""

import os
import shutil
import signal
import unittest

import hosts
from clocks import off
from farm import contents, last_build, program, start_worker
from hosts import LOCAL, SHARED, Lab, wait_until

PROJECT = SHARED + "/project"
FILTER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "stale_filesystem.py")
UNITS = "abcdef"
MAKEFILE = """\
CXX = g++
all: lib.so ext.o
%.o: %.cc config.h
\t$(CXX) -O1 -fPIC -c $< -o $@
ext.o: ext.cc
\t$(CXX) -O1 -fPIC -I/usr/include/python3.11 -c $< -o $@
lib.so: OBJECTS
\t$(CXX) -shared -o $@ OBJECTS
""".replace("OBJECTS", " ".join(f"{unit}.o" for unit in UNITS))
FILES = {"Makefile": MAKEFILE, "config.h": "#define VERSION 2\n#define NAME \"new\"\n",
         "ext.cc": "#include <Python.h>\nlong size() { return sizeof(PyObject) + PY_VERSION_HEX; }\n",
         **{f"{unit}.cc": f'#include <cstdlib>\n#include <string>\n#include "config.h"\n'
                          f"std::string {unit}() {{ return NAME + std::to_string(VERSION * {ord(unit)} + std::abs(-1)); }}\n"
            for unit in UNITS}}
OLD_CONFIG = "#define VERSION 1\n#define NAME \"old\"\n"
COMPILER = LOCAL + "/tools/g++"  # each host's own; stops after each compile of a.cc until a file is there
SLOW = f"""#!/bin/sh
/usr/bin/g++ "$@" || exit
case " $* " in *" a.cc "*) while [ ! -e {LOCAL}/go ]; do sleep 0.1; done ;; esac
"""


class Attestation(unittest.TestCase):
    def setUp(self):
        self.lab = Lab("head", "one", "two")
        self.addCleanup(self.lab.__exit__)
        self.folder = self.lab.path("project")

    def lay_out(self, files):
        for name, text in files.items():
            os.makedirs(self.folder, exist_ok=True)
            with open(os.path.join(self.folder, name), "w", encoding="utf-8") as out:
                out.write(text)

    def clean(self):
        for name in os.listdir(self.folder):
            if name.endswith((".o", ".so")):
                os.unlink(os.path.join(self.folder, name))

    def expect(self, compiler="g++"):
        """What the plain build makes of the files there."""
        plain = self.lab["head"].run("make", "-j4", f"CXX={compiler}", cwd=PROJECT)
        self.assertEqual(plain.returncode, 0, plain.stderr)
        made = contents(self.folder, ".o", ".so")
        self.assertEqual(len(made), len(UNITS) + 2)
        self.clean()
        return made

    def on(self, host, script):
        done = self.lab[host].run("sh", "-ec", script)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def other_version(self, host, path, line="/* another version */"):
        """A host's own file, another one at the same path."""
        self.on(host, f"cp {path} {LOCAL}/other; echo '{line}' >> {LOCAL}/other; mount --bind {LOCAL}/other {path}")

    def start_farmed(self, *options, compiler="g++", **variables):
        return self.lab["head"].start(program("extfarm"), "run", "-v", "--local", "0", "--no-store", *options, "--", "make", "-j4",
                                      f"CXX={program('extfarm-cc')} {compiler}", cwd=PROJECT, **variables)

    def check(self, build, expected):
        self.assertEqual(build.wait(120), 0, build.output())
        found = contents(self.folder, ".o", ".so")
        self.assertEqual([name for name in expected if found.get(name) != expected[name]], [], build.output())
        return last_build(self.folder)

    def check_rejected(self, expected, path):
        """Host one differs in `path`: alone, and beside host two, which does not."""
        start_worker(self.lab["one"], 2)
        for beside in (False, True):
            if beside:
                start_worker(self.lab["two"], 2)
            build = self.start_farmed()
            told = self.check(build, expected)
            if not beside:  # else two may have been quicker with what differs
                self.assertGreaterEqual(told["rejected"]["inputs_differ"], 1, build.output())
                self.assertIn(path, build.output())
            self.clean()
            shutil.rmtree(os.path.join(self.folder, ".extfarm"))

    def mount_older(self, host, config):
        """That host sees the tree with this config.h."""
        shutil.copytree(self.folder, self.lab.path("older"))
        with open(self.lab.path("older", "config.h"), "w", encoding="utf-8") as out:
            out.write(config)
        self.on(host, f"mount --bind {SHARED}/older {PROJECT}")

    def test_an_older_tree(self):
        self.lay_out(FILES)
        expected = self.expect()
        self.mount_older("one", OLD_CONFIG)
        self.check_rejected(expected, "config.h differs")

    def test_an_older_tree_in_which_the_sources_do_not_compile(self):
        self.lay_out(FILES)
        expected = self.expect()
        self.mount_older("one", "#define VERSION 1\n")
        self.check_rejected(expected, "config.h differs")

    def test_another_header_of_python(self):
        self.lay_out(FILES)
        expected = self.expect()
        self.other_version("one", "/usr/include/python3.11/pyport.h")
        self.check_rejected(expected, "pyport.h differs")

    def test_another_header_of_libc(self):
        self.lay_out(FILES)
        expected = self.expect()
        self.other_version("one", "/usr/include/stdlib.h", "#define abs(x) 7")
        self.check_rejected(expected, "/usr/include/stdlib.h differs")

    def test_another_libstdcxx(self):
        self.lay_out(FILES)
        expected = self.expect()
        self.on("one", f"cd $(dirname $(g++ -print-file-name=libstdc++.so)); cp $(readlink -f libstdc++.so) {LOCAL}/other; "
                       f"printf x >> {LOCAL}/other; mount --bind {LOCAL}/other $(readlink -f libstdc++.so)")
        self.check_rejected(expected, "libstdc++.so")

    def mount_stale(self, host, mode):
        self.on(host, f"mkdir {LOCAL}/under; mount --bind {SHARED} {LOCAL}/under")
        mounted = self.lab[host].start("/usr/bin/python3", FILTER, LOCAL + "/under/project", PROJECT, mode)
        wait_until(lambda: mounted.ended() or self.lab[host].run("mountpoint", "-q", PROJECT).returncode == 0, "the mount")
        self.assertFalse(mounted.ended(), mounted.output())
        return mounted

    def test_a_file_that_is_seen_late(self):
        self.lay_out({name: text for name, text in FILES.items() if name != "config.h"})
        mounted = self.mount_stale("one", "late")
        self.lay_out(FILES)
        expected = self.expect()
        self.check_rejected(expected, "a.o differs")  # a compile that finds no config.h is repeated here
        mounted.signal(signal.SIGUSR1)
        told = self.check(self.start_farmed(), expected)
        self.assertEqual(told["rejected"]["inputs_differ"], 0)

    def test_a_large_object_that_a_link_sees_late(self):
        """Larger than any frame: the worker is sent it in parts."""
        makefile = "lib.so: big.o\n\t$(CXX) -shared -o $@ big.o\nbig.o: big.cc\n\t$(CXX) -fPIC -c big.cc -o $@\n"
        self.lay_out({"Makefile": makefile, "big.cc": "unsigned char big[9 << 20] = {1};\n"})
        self.mount_stale("one", "late")
        plain = self.lab["head"].run("make", "CXX=g++", cwd=PROJECT)
        self.assertEqual(plain.returncode, 0, plain.stderr)
        expected = contents(self.folder, ".o", ".so")
        self.clean()
        start_worker(self.lab["one"], 2)
        told = self.check(self.start_farmed(), expected)
        self.assertEqual((told["actions"]["on_workers"], told["actions"]["retried"]), (2, 0))

    def test_cached_attributes(self):
        self.lay_out({**FILES, "config.h": OLD_CONFIG})
        self.mount_stale("one", "frozen")
        self.on("one", f"cat {PROJECT}/config.h")
        self.lay_out(FILES)
        self.check_rejected(self.expect(), "config.h differs")

    def hold_compiles(self, *names):
        for name in names:
            self.on(name, f"mkdir -p {LOCAL}/tools; cat > {COMPILER} <<'END'\n{SLOW}END\nchmod +x {COMPILER}")

    def start_trusting(self, host):
        return start_worker(self.lab[host], 2, "--trust", LOCAL, "--trust", "/usr")

    def wait_for_compile(self, build, worker):
        """Until that of a.cc has read what it reads, and does not end."""
        wait_until(lambda: build.ended() or "sleep" in worker.names(), "compile that waits")
        self.assertFalse(build.ended(), build.output())

    def test_a_cache_that_expires_after_the_compiler_has_read_from_it(self):
        self.hold_compiles("head", "one")
        self.on("head", f"touch {LOCAL}/go")
        self.lay_out({**FILES, "config.h": OLD_CONFIG})
        mounted = self.mount_stale("one", "frozen")
        self.on("one", f"touch {LOCAL}/go")
        worker = self.start_trusting("one")
        self.check(self.start_farmed(compiler=COMPILER), {})
        self.clean()
        self.on("one", f"rm {LOCAL}/go")

        self.lay_out(FILES)
        expected = self.expect(COMPILER)
        # The store of what was known before is left out, so that nothing tells the worker to look at config.h.
        shutil.rmtree(os.path.join(self.folder, ".extfarm"))
        build = self.start_farmed(compiler=COMPILER)
        self.wait_for_compile(build, worker)
        mounted.signal(signal.SIGUSR1)
        self.on("one", f"touch {LOCAL}/go")
        told = self.check(build, expected)
        self.assertGreaterEqual(told["rejected"]["inputs_differ"], 1, build.output())
        self.assertIn("config.h changed on that host while the command ran", build.output())

    def test_an_input_that_changes_during_the_build(self):
        for clock in ((), off("+1h"), off("-1h")):
            with self.subTest(clock=clock):
                self.change_during_the_build(clock)

    def change_during_the_build(self, clock):
        self.hold_compiles("head", "one")
        self.on("head", f"touch {LOCAL}/go")
        self.on("one", f"rm -f {LOCAL}/go")
        self.lay_out({**FILES, "config.h": OLD_CONFIG})
        before = self.expect(COMPILER)
        worker = self.start_trusting("one")
        command = [*clock, program("extfarm"), "run", "-v", "--local", "0", "--no-store", "--", "make", "-k", "-j1",
                   f"CXX={program('extfarm-cc')} {COMPILER}"]
        build = self.lab["head"].start(*command, cwd=PROJECT)
        self.wait_for_compile(build, worker)
        self.lay_out({"config.h": FILES["config.h"]})
        self.on("one", f"touch {LOCAL}/go")
        self.assertEqual(build.wait(120), 0, build.output())
        self.assertEqual(contents(self.folder, "a.o")["a.o"], before["a.o"])
        self.assertIn("config.h was written while a command that reads it ran", build.output())
        self.assertEqual(last_build(self.folder)["inputs_changed"], 1)

        os.utime(os.path.join(self.folder, "config.h"))  # so that make asks again
        again = self.lab["head"].start(*command, cwd=PROJECT)
        self.assertEqual(again.wait(120), 0, again.output())
        self.assertEqual(last_build(self.folder)["actions"]["on_workers"], 2, again.output())  # a.o, lib.so
        found = contents(self.folder, ".o", ".so")
        self.clean()
        shutil.rmtree(os.path.join(self.folder, ".extfarm"))
        self.assertEqual(found, self.expect(COMPILER))
        worker.signal(signal.SIGTERM)
        worker.wait()

    def test_a_worker_whose_clock_is_an_hour_off(self):
        self.lay_out(FILES)
        expected = self.expect()
        for host, offset in (("one", "+1h"), ("two", "-1h")):
            self.lab[host].start(*off(offset), program("extfarm-worker"), "--slots", "2", "--advertise",
                                 self.lab[host].address, "--scratch", LOCAL + "/scratch")
        announced = self.lab.path("home", ".extfarm", "workers")
        wait_until(lambda: os.path.isdir(announced) and len(os.listdir(announced)) == 2, "both workers")
        told = self.check(self.start_farmed(), expected)
        self.assertEqual((told["rejected"]["inputs_differ"], told["actions"]["on_workers"]), (0, len(expected)))
        self.assertEqual(sorted(worker["host"] for worker in told["workers"]), ["one", "two"])
        # What is edited now is not taken for what it was.
        self.clean()
        self.lay_out({"config.h": "#define VERSION 3\n#define NAME \"new\"\n"})
        build = self.start_farmed()
        self.assertEqual(build.wait(120), 0, build.output())
        found = contents(self.folder, ".o", ".so")
        self.clean()
        self.assertEqual(found, self.expect())
        self.assertEqual(last_build(self.folder)["actions"]["on_workers"], len(expected))


if __name__ == "__main__":
    hosts.main_or_say_why_not()
