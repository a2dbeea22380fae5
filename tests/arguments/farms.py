"""A worker and a coordinator for each mode, and one command line in all of them and without.

Knows the programs' command lines and the reports in `.extfarm`; nothing of what a case tests.
"""

import hashlib
import json
import os
import pty
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time

PROGRAMS = os.environ.get("EXTFARM_PROGRAMS",
                          os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "build", "bin"))
LAUNCHER = os.path.join(PROGRAMS, "extfarm-cc")
MODES = ("view", "direct")
SLOTS = "2"
NULL_LIST = "/dev/null.d"  # what plain gcc leaves after "-MD -o /dev/null" when it is root
LONGEST_WAIT_SECONDS = 120
LONG_AGO = 1_700_000_000  # of every file that a case lays out: __TIMESTAMP__ shall not differ


def plain_environment():
    dropped = ("EXTFARM", "MAKE", "CCACHE", "LC_", "LANG", "DEPENDENCIES_OUTPUT", "SUNPRO_DEPENDENCIES", "COLUMNS")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    return {**kept, "LC_ALL": "C.UTF-8", "PATH": "/usr/local/bin:/usr/bin:/bin"}


class Farm:
    """`extfarm run` around a command that only waits, with one worker of its own in the given mode."""

    def __init__(self, top, mode, compilers, options=()):
        self.folder = os.path.join(top, "farm-" + mode)
        rendezvous, keys = os.path.join(self.folder, "workers"), os.path.join(self.folder, "keys")
        for folder in (self.folder, rendezvous, keys):
            os.makedirs(folder, mode=0o700, exist_ok=True)
        home = {**plain_environment(), "HOME": self.folder}
        with open(os.path.join(self.folder, "worker.log"), "w", encoding="utf-8") as log:
            self._worker = subprocess.Popen(
                [os.path.join(PROGRAMS, "extfarm-worker"), "--bind", "tcp://127.0.0.1:*", "--slots", SLOTS,
                 "--rendezvous", rendezvous, "--key-folder", keys, "--scratch", os.path.join(top, "scratch-" + mode),
                 "--exit-with-parent", "--view", "auto" if mode == "view" else "direct"],
                env=home, cwd="/", stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        self._run = subprocess.Popen(
            [os.path.join(PROGRAMS, "extfarm"), "run", "-q", "--local", "0", *options, "--rendezvous", rendezvous,
             "--key-folder", keys, "--", "sh", "-c", 'echo "$EXTFARM_SOCKET"; read -r end'],
            env=home, cwd=self.folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.socket = self._run.stdout.readline().decode().strip()
        if not self.socket:
            raise RuntimeError("extfarm run did not start")
        for compiler in compilers:
            self._wait_for(compiler)

    def _wait_for(self, compiler):
        """Cases do not wait for a late worker, nor for one that has yet to look at its compiler."""
        end = time.monotonic() + LONGEST_WAIT_SECONDS
        while time.monotonic() < end:
            answer = self._first_answer(compiler)
            if answer["result"] == "built":
                return
            time.sleep(0.05)
        raise RuntimeError(f"no worker serves: {answer}, {self.log()}")

    def _first_answer(self, compiler):
        """What became of a small compile."""
        source = os.path.join(self.folder, "first.c")
        with open(source, "a", encoding="utf-8") as file:
            file.write("\n")
        return self.submit([compiler, "-c", source, "-o", os.path.join(self.folder, "first.o")], self.folder)

    def submit(self, argv, cwd):
        """The answer to one command line, as doc/front-door.md describes it."""
        hello = {"op": "hello", "version": 1, "client": "test", "pid": os.getpid(),
                 "environment": {name: plain_environment()[name] for name in ("PATH", "LC_ALL")}}
        submit = {"op": "submit", "id": "1", "kind": "compile", "cwd": cwd, "argv": argv}
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as door:
            door.connect(self.socket)
            door.sendall("".join(json.dumps(line) + "\n" for line in (hello, submit)).encode())
            with door.makefile() as lines:
                for line in lines:
                    message = json.loads(line)
                    if message["op"] == "answer":
                        return message
        raise RuntimeError("the coordinator went away")

    def end(self):
        """What is reported of the build that ends with this: its figures, and what ran locally."""
        self._run.communicate(b"end\n")
        self._worker.send_signal(signal.SIGTERM)
        self._worker.wait()
        found = {}
        for name in ("last-build", "ran-locally"):
            with open(os.path.join(self.folder, ".extfarm", name + ".json"), encoding="utf-8") as file:
                found[name] = json.load(file)
        return found["last-build"]["actions"], found["ran-locally"]["commands"]

    def log(self):
        with open(os.path.join(self.folder, "worker.log"), encoding="utf-8") as file:
            return file.read()


class Farms:
    def __init__(self, compilers):
        self.top = os.path.realpath(tempfile.mkdtemp(prefix="extfarm-arguments-"))
        self._farms = {mode: Farm(self.top, mode, compilers) for mode in MODES}

    def socket(self, mode):
        return self._farms[mode].socket

    def end(self):
        """By mode, its counts of actions and the commands that ran locally."""
        builds = {mode: farm.end() for mode, farm in self._farms.items()}
        for mode, farm in self._farms.items():
            if f"view={'private' if mode == 'view' else 'direct'}" not in farm.log():
                raise RuntimeError(f"this machine refuses private views: {farm.log()}")
        shutil.rmtree(self.top, ignore_errors=True)
        if os.path.exists(NULL_LIST):
            os.unlink(NULL_LIST)
        return builds


def lay_out(folder, files):
    """Files by relative name: text, bytes, None for a folder, or ("link", target)."""
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    for name, content in files.items():
        path = os.path.join(folder, name)
        if content is None:
            os.makedirs(path, exist_ok=True)
            continue
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if isinstance(content, tuple):
            os.symlink(content[1], path)
            continue
        with open(path, "wb") as out:
            out.write(content if isinstance(content, bytes) else content.encode())
        os.utime(path, (LONG_AGO, LONG_AGO))


def contents(folder):
    """Each path below the folder: its kind and mode, and a digest of what it says."""
    found = {}
    for parent, folders, files in os.walk(folder):
        for name in folders + files:
            path = os.path.join(parent, name)
            status = os.lstat(path)
            what = ""
            if stat.S_ISLNK(status.st_mode):
                what = os.readlink(path)
            elif stat.S_ISREG(status.st_mode):
                with open(path, "rb") as file:
                    what = hashlib.sha1(file.read()).hexdigest()
            found[os.path.relpath(path, folder)] = (oct(status.st_mode), what)
    return found


def run(words, cwd, environment, stdin=b"", terminal=False):
    """(exit code, stdout, stderr); with a terminal, both streams are in the first."""
    if not terminal:
        done = subprocess.run(words, cwd=cwd, env=environment, input=stdin, capture_output=True, check=False)
        return done.returncode, done.stdout, done.stderr
    leader, follower = pty.openpty()
    process = subprocess.Popen(words, cwd=cwd, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=follower)
    os.close(follower)
    said = b""
    while True:
        try:
            chunk = os.read(leader, 65536)
        except OSError:  # EIO: the last writer has closed it
            break
        if not chunk:
            break
        said += chunk
    os.close(leader)
    with process.stdout as stdout:
        return process.wait(), stdout.read(), said
