"""Starts `extfarm run` for a build that asked for the farm but was not started under it.

Knows where the program lies and how to have it end with this process.  Refuses
to know the front door: it hands back the path of a socket.
"""

import atexit
import os
import re
import shutil
import stat
import subprocess
import sys

_HERE = os.path.dirname(os.path.abspath(__file__))
# Beside a build folder, or installed, as `extfarm run` looks for this package.
_PLACES = ("../../build/bin/extfarm", "../../../../bin/extfarm")
_JOBSERVER = re.compile(r"--jobserver-(?:auth|fds)=(\d+),(\d+)")
_JOBS = re.compile(r"(-j|--parallel=)(\d+)")

_process = None
_failed = False


class NotStarted(Exception):
    """There will be no coordinator; the words say why."""


def start():
    """Starts a coordinator for the current folder and returns the path of its socket.  Raises NotStarted."""
    global _process
    program = _program()
    if program is None:
        raise NotStarted("the program extfarm is not on the PATH")
    command = [program, "run"] + (["-q"] if os.environ.get("EXTFARM_QUIET") == "1" else [])
    jobs = _jobs_among(sys.argv[1:])
    command += ["-j", jobs] if jobs else []
    command += ["--", sys.executable, "-I", "-S", os.path.join(_HERE, "placeholder.py")] + sys.argv
    environment = {name: value for name, value in os.environ.items() if name != "EXTFARM_SOCKET"}
    shared = _jobserver_of(environment)
    if not shared and "MAKEFLAGS" in environment:  # That make has kept its tokens to itself.
        environment["MAKEFLAGS"] = _JOBSERVER.sub("", environment["MAKEFLAGS"])
    try:
        _process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, pass_fds=shared)
    except OSError as error:
        raise NotStarted(f"{program}: {error.strerror}") from error
    with _process.stdout as told:
        socket = os.fsdecode(told.readline().rstrip(b"\n"))
    if not socket:
        end()
        raise NotStarted(f"{program} run ended at once")
    atexit.register(end)
    return socket


def build_failed():
    """Has the coordinator report a failed build."""
    global _failed
    _failed = True


def end():
    """Lets this process's coordinator write its reports and end; returns when it has."""
    global _process
    process, _process = _process, None
    if process is None:
        return
    try:
        process.stdin.write(b"1\n" if _failed else b"0\n")
        process.stdin.close()
    except OSError:
        pass  # It is gone already.
    process.wait()


def forget_in_child():
    """After a fork: the coordinator ends with the parent, whatever this process does."""
    global _process
    if _process is not None:
        _process.stdin.close()
        _process.returncode = 0  # Nothing to wait for: it is no child of ours.
        _process = None


def _program():
    beside = (os.path.normpath(os.path.join(_HERE, place)) for place in _PLACES)
    return shutil.which("extfarm") or next((path for path in beside if os.access(path, os.X_OK)), None)


def _jobserver_of(environment):
    """The descriptors of the surrounding make's jobserver, if it has handed them on."""
    found = _JOBSERVER.search(environment.get("MAKEFLAGS", ""))
    numbers = [int(number) for number in found.groups()] if found else []
    try:
        return numbers if all(stat.S_ISFIFO(os.fstat(number).st_mode) for number in numbers) else []
    except OSError:
        return []


def _jobs_among(words):
    """The N of a build_ext's own -jN, -j N, --parallel N or --parallel=N; None without one above 0."""
    for index, word in enumerate(words):
        if word in ("-j", "--parallel") and words[index + 1:index + 2]:
            word = "-j" + words[index + 1]
        found = _JOBS.fullmatch(word)
        if found:
            return found.group(2) if int(found.group(2)) > 0 else None
    return None
