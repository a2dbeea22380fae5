"""People who log in to a machine: a utmp file and terminals of the test's own.

Knows nothing of extfarm.
"""

import os
import pty
import struct
import time

_USER_PROCESS = 7
_ENTRY = "hi32s4s32s256shhiii4i20x"  # struct utmp of Linux


class Person:
    """Somebody logged in at a real terminal, who has typed nothing for an hour."""

    def __init__(self, name, host=""):
        self._master, self._slave = pty.openpty()
        self._device = os.ttyname(self._slave)
        self.name, self.line, self.host = name, self._device.removeprefix("/dev/"), host
        self.has_been_away_for(3600)

    def types(self):
        """One line, which the terminal's reader gets: that is what the kernel notes."""
        os.write(self._master, b"ls\n")
        os.read(self._slave, 100)

    def has_been_away_for(self, seconds):
        os.utime(self._device, (time.time() - seconds, os.stat(self._device).st_mtime))

    def logs_out(self):
        os.close(self._master)
        os.close(self._slave)


def entry(line, name, host="", pid=1, kind=_USER_PROCESS):
    return struct.pack(_ENTRY, kind, pid, line.encode(), b"", name.encode(), host.encode(), 0, 0, 0, 0, 0, 0, 0, 0, 0)


def write_utmp(path, *people):
    """At once, as login programs write: an entry is there or is not."""
    with open(path + ".new", "wb") as out:
        for person in people:
            out.write(entry(person.line, person.name, person.host))
    os.rename(path + ".new", path)


assert struct.calcsize(_ENTRY) == 384
