"""Counts the compilers that a build starts without asking the farm: probes, and what no front end has seen.

Knows Python's audit events.  Refuses to change what is started.
"""

import contextlib
import os
import sys
import tempfile
import threading

from extfarm import client, commands

_here = threading.local()
_watching = False


def watch():
    """Counts from now on, in this process.  An audit hook cannot be taken away again."""
    global _watching
    if not _watching:
        _watching = True
        sys.addaudithook(_see)


@contextlib.contextmanager
def ours():
    """Around what the caller starts and counts itself."""
    before = getattr(_here, "is_ours", False)
    _here.is_ours = True
    try:
        yield
    finally:
        _here.is_ours = before


def _see(event, arguments):
    if event != "subprocess.Popen" or getattr(_here, "is_ours", False):
        return
    reason = reason_of(arguments[1])
    with ours():  # The farm's own coordinator may be started here.
        farm = client.farm() if reason else None
        if farm is not None:
            farm.count_local("compile", reason)


def reason_of(words):
    """Why such a command runs here; None when it is no compile, link or archive."""
    try:
        argv = [os.fsdecode(word) for word in words]
    except TypeError:
        return None
    if isinstance(words, (str, bytes)) or not argv or not commands.is_compiler(argv[0]):
        return None
    command = commands.read(argv)
    if command.kind is None:
        return command.reason if command.reason == "probe" else None
    # A question about the compiler has its files made up in a folder of its own.
    here, scratch = (os.path.join(os.path.realpath(folder), "") for folder in (os.getcwd(), tempfile.gettempdir()))
    outputs = [os.path.realpath(output) for output in command.outputs]
    if all(output.startswith(scratch) and not output.startswith(here) for output in outputs):
        return "probe"
    return "started by the build itself"
