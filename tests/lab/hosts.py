"""Hosts of a lab, made of namespaces on one machine.

Each host has its own address, process tree, mounts and name; all see one
shared tree at SHARED.  Knows nothing of extfarm.  Needs root.
"""

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

SHARED = "/srv/shared"  # the shared filesystem, at the same path on every host
LOCAL = "/srv/local"    # each host's own disk
_PR_SET_PDEATHSIG = 1
_PATIENCE = 5 if "EXTFARM_SANITIZER" in os.environ else 1

# The first process of a host: mounts, then collects what is orphaned.  When it dies all others do.
_FIRST_PROCESS = """
set -e
mount -t tmpfs lab /srv
mkdir -p {shared} {local}
mount --bind "$1" {shared}
mount -t tmpfs lab /dev/shm
echo "$2" > /proc/sys/kernel/hostname
ip link set lo up
touch {local}/ready
while :; do sleep 3600 & wait $! || :; done
""".format(shared=SHARED, local=LOCAL)


def why_not():
    """Why no lab can be made here, or None."""
    if os.geteuid() != 0:
        return "namespaces with their own network need root"
    missing = [tool for tool in ("unshare", "nsenter", "ip") if shutil.which(tool) is None]
    return f"not installed: {', '.join(missing)}" if missing else None


def main_or_say_why_not():
    """Runs the tests of the main module; where no lab can be made, says so and exits with 77."""
    if why_not():
        print(f"SKIPPED, the lab was not tried: {why_not()}", file=sys.stderr)
        sys.exit(77)
    unittest.main(verbosity=2)


def _die_with_parent():
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def wait_until(condition, what, seconds=60):
    """The first true value of condition(); an error that names `what` otherwise, which may be a function that tells it."""
    end = time.monotonic() + seconds * _PATIENCE
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise TimeoutError(f"no {what() if callable(what) else what} within {seconds * _PATIENCE} s")


def _children(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            return [int(word) for word in file.read().split()]
    except OSError:
        return []


def descendants(pid):
    """Every process below one, as (pid, name)."""
    found = []
    for child in _children(pid):
        try:
            with open(f"/proc/{child}/comm", encoding="utf-8", errors="replace") as file:
                found.append((child, file.read().strip()))
        except OSError:
            continue
        found += descendants(child)
    return found


def words_of(pid):
    """The command line of a process; [] when it has ended."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return os.fsdecode(file.read()).split("\0")
    except OSError:
        return []


class Process:
    """One command on one host.  Its output goes to a file beside the lab."""

    def __init__(self, popen, log):
        self._popen, self.log = popen, log
        self.pid = wait_until(lambda: _children(popen.pid) or popen.poll() is not None and [None],
                              "start of a process")[0]

    def signal(self, number):
        os.kill(self.pid, number)
        if number == signal.SIGCONT:
            os.kill(self._popen.pid, number)  # nsenter stops with what it has started, but does not go on with it.

    def names(self):
        """The names of all processes that it has started."""
        return [name for _, name in descendants(self.pid)]

    def wait(self, seconds=600):
        return self._popen.wait(seconds)

    def ended(self):
        return self._popen.poll() is not None

    def output(self):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return file.read()


class Host:
    def __init__(self, lab, name, address):
        self.name, self.address, self._lab, self._started = name, address, lab, []
        self._unshare = subprocess.Popen(
            ["unshare", "--net", "--uts", "--ipc", "--pid", "--mount", "--fork", "--kill-child", "--mount-proc",
             "sh", "-c", _FIRST_PROCESS, "host", lab.shared, name], preexec_fn=_die_with_parent)
        self.pid = wait_until(lambda: _children(self._unshare.pid), f"first process of {name}")[0]
        wait_until(lambda: os.path.exists(f"/proc/{self.pid}/root{LOCAL}/ready"), f"mounts of {name}")

    def enter(self, cwd="/"):
        return ["nsenter", f"--target={self.pid}", "--net", "--uts", "--ipc", "--pid", "--mount", f"--wd={cwd}", "--"]

    def start(self, *command, cwd="/", **variables):
        log = os.path.join(self._lab.top, f"{self.name}.{len(self._started)}.log")
        with open(log, "w", encoding="utf-8") as out:
            popen = subprocess.Popen(self.enter() + ["env", f"--chdir={cwd}", *command], env=self._environment(variables),
                                     stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
        self._started.append(popen)
        return Process(popen, log)

    def run(self, *command, cwd="/", **variables):
        """Runs to the end.  Returns the CompletedProcess, with text."""
        return subprocess.run(self.enter() + ["env", f"--chdir={cwd}", *command], env=self._environment(variables),
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)

    def _environment(self, variables):
        return {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "HOME": SHARED + "/home", "TMPDIR": LOCAL,
                "LC_ALL": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1", **variables}

    def switch_off(self):
        """All its processes die at once, as at a power cut."""
        self._unshare.kill()
        for popen in [self._unshare, *self._started]:
            popen.wait()


class Lab:
    """`with Lab("head", "one", "two") as lab: lab["one"].run(…)`"""

    def __init__(self, *names):
        self.top = tempfile.mkdtemp(prefix="extfarm-lab-")
        self.shared = os.path.join(self.top, "shared")
        os.makedirs(os.path.join(self.shared, "home"))
        self.hosts = {}
        self._switch = Host(self, "switch", None)
        self.in_switch("ip link add name plane type bridge && ip link set plane up")
        for number, name in enumerate(names, start=1):
            host = self.hosts[name] = Host(self, name, f"10.77.0.{number}")
            self.in_switch(f"ip link add name port{number} type veth peer name lan netns {host.pid} && "
                            f"ip link set port{number} master plane up")
            subprocess.run(host.enter() + ["sh", "-ec", f"ip address add {host.address}/24 dev lan; ip link set lan up"],
                           check=True)

    def in_switch(self, script):
        subprocess.run(["nsenter", f"--target={self._switch.pid}", "--net", "--", "sh", "-ec", script], check=True)

    def start_in_switch(self, *command):
        """A process that sees the other ends of the cables: port1 is that of the first host, and so on."""
        return self._switch.start(*command)

    def __getitem__(self, name):
        return self.hosts[name]

    def path(self, *parts):
        """Where this process sees a path of the shared tree."""
        return os.path.join(self.shared, *parts)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for host in [*self.hosts.values(), self._switch]:
            host.switch_off()
        shutil.rmtree(self.top, ignore_errors=True)
