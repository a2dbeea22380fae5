"""Whole builds on this machine alone, by the loopback interface: a user's home, a project, the programs.

Knows the command lines of README.md.  Leaves no process behind.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import unittest

from farm import BUILD, contents, program
from hosts import descendants, wait_until, words_of

MODULE = """#include <Python.h>
static struct PyModuleDef def = {PyModuleDef_HEAD_INIT, "NAME", 0, -1, 0};
PyMODINIT_FUNC PyInit_NAME(void) { return PyModule_Create(&def); }
"""
SETUP = """from setuptools import setup, Extension
setup(name="p", version="0", packages=[], ext_modules=[Extension(n, [n + ".c"]) for n in (%s)])
"""
# Passes everything on; a compile of slow.c first sleeps for $SLEEP seconds.
SLOW_COMPILER = """#!/bin/sh
case "$*" in *" -c slow.c"*) sleep SECONDS ;; esac
exec /usr/bin/gcc "$@"
"""


def c_module(name):
    return MODULE.replace("NAME", name)


def c_project(*names):
    """The files of a project with one C extension for each name."""
    return {"setup.py": SETUP % "".join(f'"{name}", ' for name in names), **{f"{n}.c": c_module(n) for n in names}}


def processes_with(word):
    """Every process on this machine that has the word in its command line."""
    return [int(entry) for entry in os.listdir("/proc") if entry.isdigit() and word in words_of(entry)]


class OneMachine(unittest.TestCase):
    def setUp(self):
        self.top = tempfile.mkdtemp(prefix="extfarm-one-")
        self.folder = os.path.join(self.top, "project")
        self._started = []
        self.home("home")

    def tearDown(self):
        for process in self._started:
            for pid, _ in descendants(process.pid):
                with contextlib.suppress(ProcessLookupError):  # It has ended by itself meanwhile.
                    os.kill(pid, signal.SIGKILL)
            process.kill()
            process.wait()
        shutil.rmtree(self.top, ignore_errors=True)

    def home(self, name):
        path = os.path.join(self.top, name)
        os.makedirs(path, exist_ok=True)
        return path

    def path(self, *parts):
        return os.path.join(self.top, *parts)

    def environment(self, home="home", **variables):
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("EXTFARM", "MAKE"))}
        return {**kept, "HOME": self.path(home), "LC_ALL": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1", **variables}

    def lay_out(self, files):
        shutil.rmtree(self.folder, ignore_errors=True)
        for name, text in files.items():
            path = os.path.join(self.folder, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as out:
                out.write(text)

    def slow_compiler(self, seconds):
        """The path of a gcc that takes that long for slow.c; the figure marks its processes."""
        path = self.path("tools", "gcc")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as out:
            out.write(SLOW_COMPILER.replace("SECONDS", seconds))
        os.chmod(path, 0o755)
        return path

    def run_command(self, *command, home="home", **variables):
        return subprocess.run(command, cwd=self.folder, env=self.environment(home, **variables), text=True,
                              stdin=subprocess.DEVNULL, capture_output=True, check=False)

    def run_build(self, *options, command=BUILD, **variables):
        return self.run_command(program("extfarm"), "run", *options, "--", *command, **variables)

    def verify_build(self, *options, command=BUILD, **variables):
        """The command alone and on the farm, compared by extfarm itself; copies lie in the folder `scratch`."""
        return self.run_command(program("extfarm"), "verify", "--scratch", self.home("scratch"), *options, "--", *command,
                                **variables)

    def start(self, name, *command, cwd=None, home="home", **variables):
        """A process with a group of its own; its output is the file `name`.log."""
        with open(self.path(name + ".log"), "w", encoding="utf-8") as out:
            process = subprocess.Popen(command, cwd=cwd or self.folder, env=self.environment(home, **variables),
                                       stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                                       start_new_session=True)
        self._started.append(process)
        return process

    def start_worker(self, name, *options, slots=1, home="home", **variables):
        """A worker on the loopback interface, ready."""
        worker = self.start(name, program("extfarm-worker"), "--bind", "tcp://127.0.0.1:*", "--slots", str(slots),
                            "--scratch",
                            self.path(name + ".scratch"), *options, cwd="/", home=home, **variables)
        wait_until(lambda: "worker.ready" in self.log(name), lambda: f"worker: {self.log(name)}")
        return worker

    def log(self, name):
        with open(self.path(name + ".log"), encoding="utf-8", errors="replace") as file:
            return file.read()

    def built(self):
        return contents(self.folder, ".c", ".o", ".so")

    def plain(self, files, **variables):
        """What the command alone makes; the project is laid out anew."""
        self.lay_out(files)
        done = self.run_command(*BUILD, **variables)
        self.assertEqual(done.returncode, 0, done.stderr)
        made = self.built()
        self.lay_out(files)
        return made
