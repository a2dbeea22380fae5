"""extfarm on the hosts of a lab: programs, projects, workers, builds.

Knows the command lines of README.md and the files of `.extfarm/`.
"""

import glob
import json
import os
import subprocess

from hosts import LOCAL

SOURCES = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
PROGRAMS = os.environ.get("EXTFARM_PROGRAMS", os.path.join(SOURCES, "build", "bin"))
PYTHON = "/usr/bin/python3"
BUILD = (PYTHON, "setup.py", "build_ext", "--inplace")


def program(name):
    return os.path.join(PROGRAMS, name)


def start_worker(host, slots, *options):
    return host.start(program("extfarm-worker"), "--slots", str(slots), "--advertise", host.address,
                      "--scratch", LOCAL + "/scratch", *options)


def contents(folder, *suffixes):
    """The bytes of each file below a folder with one of the suffixes, by relative path."""
    found = {}
    for suffix in suffixes:
        for path in glob.glob(os.path.join(folder, "**", "*" + suffix), recursive=True):
            with open(path, "rb") as file:
                found[os.path.relpath(path, folder)] = file.read()
    return found


def last_build(folder):
    with open(os.path.join(folder, ".extfarm", "last-build.json"), encoding="utf-8") as file:
        return json.load(file)


def spans(folder):
    """The attempts of the last build's trace, each a dict with name, cat, ts, dur, pid, tid, args."""
    with open(os.path.join(folder, ".extfarm", "trace.json"), encoding="utf-8") as file:
        return [event for event in json.load(file)["traceEvents"] if event["ph"] == "X"]


def attempts_of(folder, title):
    """(host, outcome) of each attempt of the last build that made the file of that name, in the order of their ends."""
    with open(os.path.join(folder, ".extfarm", "trace.json"), encoding="utf-8") as file:
        events = json.load(file)["traceEvents"]
    hosts = {event["pid"]: event["args"]["name"].rsplit("-", 2)[0] for event in events if event["name"] == "process_name"}
    found = [event for event in events if event["ph"] == "X" and event["name"].split()[-1] == title]
    return [(hosts[event["pid"]], event["args"]["outcome"])
            for event in sorted(found, key=lambda event: event["ts"] + event["dur"])]


def lay_out_cython(folder, *modules):
    """Cython's own sources as a project that compiles the given modules."""
    subprocess.run([os.path.join(SOURCES, "scripts", "cython-project"), folder, *modules], check=True)
