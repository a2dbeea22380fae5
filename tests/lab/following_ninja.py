#!/usr/bin/python3
"""Stands for ninja from 1.13 on, which Debian 12 does not have: builds all of a simple build.ninja, following a jobserver.

As ninja does: the last --jobserver-auth of MAKEFLAGS counts, only a fifo is taken, a -j means that none is followed, one
step needs no token.  `EXTFARM_TEST_NINJA` names a real one for tests/lab/test_jobs.py to be run with instead.
"""

import os
import re
import select
import subprocess
import sys


def steps(text):
    variables, rules, name = {}, {}, None
    for line in text.splitlines():
        if found := re.fullmatch(r"rule (\w+)", line):
            name = found[1]
        elif found := re.fullmatch(r" command = (.*)", line):
            rules[name] = found[1]
        elif found := re.fullmatch(r"(\w+) = (.*)", line):
            variables[found[1]] = found[2]
        elif found := re.fullmatch(r"build (\S+): (\w+) ?(.*)", line):
            values = {**variables, "out": found[1], "in": found[3]}
            yield re.sub(r"\$(\w+)", lambda word: values[word[1]], rules[found[2]])


def main():
    if sys.argv[1:] == ["--version"]:
        print("1.13.1")
        return 0
    words = [word for word in os.environ["MAKEFLAGS"].split() if word.startswith("--jobserver-auth=")]
    if sys.argv[1:] or not words[-1].startswith("--jobserver-auth=fifo:"):
        return f"following_ninja: no jobserver to follow: {sys.argv[1:]} {os.environ['MAKEFLAGS']}"
    path = words[-1].partition("fifo:")[2]
    taken, given = (os.open(path, way | os.O_NONBLOCK | os.O_CLOEXEC) for way in (os.O_RDONLY, os.O_WRONLY))
    left, running, failed = list(steps(open("build.ninja", encoding="utf-8").read())), {}, False
    while left or running:
        while left and (token := b"" if None not in running.values() else read(taken)) is not False:
            running[subprocess.Popen(left.pop(), shell=True)] = token or None
        select.select([taken] if left else [], [], [], 0.01)
        for process in [process for process in running if process.poll() is not None]:
            os.write(given, running.pop(process) or b"")
            failed |= process.returncode != 0
    return int(failed)


def read(descriptor):
    try:
        return os.read(descriptor, 1)
    except BlockingIOError:
        return False


if __name__ == "__main__":
    sys.exit(main())
