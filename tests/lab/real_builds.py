"""A real project built plainly and with extfarm, in one path, and every file of the two compared.

Knows the command lines of README.md and `last-build.json`.  In the plain build the name extfarm-cc stands for a
program that only runs its words, so that both builds are given the same command.
"""

import contextlib
import dataclasses
import filecmp
import os
import shutil
import stat
import subprocess
import tempfile
import time

from farm import last_build, program, start_worker
from hosts import SHARED, Lab, wait_until

# Files that differ from one plain build to the next, or from one environment to the next, by the end of their paths, and
# why.  They are compared like all others; what differs without being named here is looked at in a second plain build.
KNOWN = {
    "/.ninja_log": "when each step began and ended",
    "/.ninja_deps": "times of objects, in the order in which steps ended",
    "/CMakeFiles/CMakeOutput.log": "random names of programs for probes (cmTC_...)",
    "/CMakeFiles/CMakeError.log": "the same",
    "/CMakeSpec.json": "PYTHONPATH, where `extfarm run` has its plug-in",
    "/config.log": "random names of gcc's ccXXXXXX.o in what the linker said of probes that failed",
    "/cmake_trace.txt": "the time of each command of CMake's",
    "/meson-logs/meson-log.txt": "when the build began; random names of folders for probes",
    "/meson-logs/install-log.txt": "the random name of the folder that meson-python installs to",
    "/meson-private/build.dat": "the random name of gcc's ccXXXXXX.res in what the linker said of its version",
    "/meson-private/coredata.dat": "the same name",
}
LAUNCHER = '#!/bin/sh\nexec "$@"\n'
HOST_NAMES = ("one", "two", "three", "four", "five", "six")


class BuildFailed(Exception):
    """With the end of what the build said."""


@dataclasses.dataclass
class Comparison:
    file_count: int
    differing: list   # what differs between the plain and the farmed build, and not between two plain ones
    by_itself: list   # what differs between two plain builds, and not for a reason in KNOWN
    known: dict       # what differs for a reason in KNOWN, with the reason
    plain_seconds: float
    farm_seconds: float
    told: dict        # last-build.json


class OneHost:
    """This machine, with the workers announced to its user."""
    options = ()

    def __init__(self, folder):
        self.top = os.path.abspath(folder)
        self.seen = os.path.join(self.top, "project")
        self.description = "with extfarm"

    def run(self, words, path, variables):
        environment = {**os.environ, **variables, "PATH": path + ":" + os.environ["PATH"]}
        with open(os.path.join(self.top, "log"), "w+", encoding="utf-8", errors="replace") as log:
            code = subprocess.run(words, cwd=self.seen, env=environment, stdin=subprocess.DEVNULL, stdout=log,
                                  stderr=subprocess.STDOUT, check=False).returncode
            log.seek(0)
            return code, log.read()


class LabHosts:
    """Hosts of a lab: one builds, and `count` others have a worker of `slots` slots each."""
    options = ("--local", "0")

    def __init__(self, lab, slots):
        self.top, self.seen, self._lab = lab.path(), SHARED + "/project", lab
        workers = [host for host in lab.hosts.values() if host.name != "head"]
        for host in workers:
            start_worker(host, slots)
        announced = lab.path("home", ".extfarm", "workers")
        wait_until(lambda: os.path.isdir(announced) and len(os.listdir(announced)) >= len(workers), "workers")
        self.description = f"on {len(workers)} hosts"

    def run(self, words, path, variables):
        search = path + ":/usr/bin:/bin:/usr/sbin:/sbin"
        process = self._lab["head"].start(*words, cwd=self.seen, **variables, PATH=search)
        return process.wait(6 * 3600), process.output()


@contextlib.contextmanager
def place_for(host_count, slots, folder=None):
    """Where builds run: `host_count` lab hosts, or this machine when it is 0.  All it starts ends with it."""
    if host_count:
        with Lab("head", *HOST_NAMES[:host_count]) as lab:
            yield LabHosts(lab, slots)
        return
    with contextlib.ExitStack() as stack:
        yield OneHost(folder or stack.enter_context(tempfile.TemporaryDirectory(prefix="extfarm-real-")))


def _entries(folder):
    found = set()
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name != ".extfarm"]
        links = [name for name in folders if os.path.islink(os.path.join(parent, name))]
        found |= {os.path.relpath(os.path.join(parent, name), folder) for name in names + links}
    return found


def _same(one, other):
    modes = [os.lstat(path).st_mode for path in (one, other)]
    if modes[0] != modes[1]:
        return False
    if stat.S_ISLNK(modes[0]):
        return os.readlink(one) == os.readlink(other)
    return not stat.S_ISREG(modes[0]) or filecmp.cmp(one, other, shallow=False)


def differing_files(one, other):
    """How many files there are in `one`; and those that differ in bytes, mode or link, or are in one tree only."""
    expected, found = _entries(one), _entries(other)
    return len(expected), sorted((expected ^ found) | {
        name for name in expected & found if not _same(os.path.join(one, name), os.path.join(other, name))})


class Builder:
    """Builds one project in one place.  `jobs`: how many the build tool is told."""

    def __init__(self, place, project, jobs):
        self._place, self._project, self._jobs = place, project, jobs
        self._tools = os.path.join(place.top, "tools")
        self._path = os.path.join(os.path.dirname(place.seen), "tools")
        self.folder = os.path.join(place.top, "project")

    # Puts an extfarm-cc at a path that is one in both builds: some tools write down where it is.
    def _set_launcher(self, is_farmed):
        shutil.rmtree(self._tools, ignore_errors=True)
        os.makedirs(self._tools)
        launcher = os.path.join(self._tools, "extfarm-cc")
        if is_farmed:
            os.symlink(os.path.abspath(program("extfarm-cc")), launcher)
            return
        with open(launcher, "w", encoding="utf-8") as out:
            out.write(LAUNCHER)
        os.chmod(launcher, 0o755)

    def plain(self, name):
        """Builds without extfarm and moves the result away.  Returns where it lies and the seconds."""
        self._set_launcher(is_farmed=False)
        seconds = self._build(self._path, ())
        kept = os.path.join(self._place.top, name)
        shutil.rmtree(kept, ignore_errors=True)
        os.rename(self.folder, kept)
        return kept, seconds

    def farmed(self):
        self._set_launcher(is_farmed=True)
        run = (os.path.abspath(program("extfarm")), "run", "--force", "--no-store", *self._place.options, *self._project.options, "--")
        return self._build(self._path, run)

    def _build(self, path, run):
        shutil.rmtree(self.folder, ignore_errors=True)
        self._project.sources.lay_out(self.folder)
        words = [*run, "sh", "-ec", self._project.build.replace("JOBS", str(self._jobs))]
        began = time.monotonic()
        # The order of Python's sets is one in both.
        code, said = self._place.run(words, path, {"PYTHONHASHSEED": "0", **self._project.variables})
        if code != 0:
            raise BuildFailed(f"{' '.join(words)} ended with {code}:\n{said[-6000:]}")
        return time.monotonic() - began


def compare(place, project, jobs, plain_twice=False):
    """Builds plainly and on the farm.  A second plain build tells what varies by itself; it runs when something differs,
    or when it is asked for."""
    builder = Builder(place, project, jobs)
    plain, plain_seconds = builder.plain("plain")
    farm_seconds = builder.farmed()
    told = last_build(builder.folder)
    count, names = differing_files(plain, builder.folder)
    known = {name: reason for name in names for end, reason in KNOWN.items() if ("/" + name).endswith(end)}
    differing, by_itself = [name for name in names if name not in known], []
    if differing or plain_twice:
        os.rename(builder.folder, os.path.join(place.top, "farmed"))
        again, _ = builder.plain("plain-again")
        varying = differing_files(plain, again)[1]
        by_itself = [name for name in varying if name not in known]
        differing = [name for name in differing if name not in varying]
    return Comparison(count, differing, by_itself, known, plain_seconds, farm_seconds, told)


def report(name, place, done):
    """Lines that say how a comparison went."""
    actions, told = done.told["actions"], done.told
    lines = [f"{name}: {done.file_count} files, {len(done.differing)} differ, {len(done.known)} for known reasons, "
             f"{len(done.by_itself)} between two plain builds; "
             f"plain {done.plain_seconds:.1f} s, {place.description} {done.farm_seconds:.1f} s; {actions['on_workers']} on "
             f"workers (farmed share {100 * told['farmed_share']:.1f} %), {actions['passed_through']} here"]
    lines += [f"worker on {worker['host']}: {worker['actions']} of them" for worker in told["workers"]]
    lines += [f"here: {entry['count']} × {entry['reason']}" for entry in told["local"]]
    lines += [f"known: {path}: {reason}" for path, reason in sorted(done.known.items())]
    lines += [f"differs between two plain builds: {path}" for path in done.by_itself[:50]]
    return lines + [f"DIFFERS: {path}" for path in done.differing[:50]]
