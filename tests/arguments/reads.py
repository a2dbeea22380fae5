"""Which files below a folder a command opens to read: what strace sees of it and its children.

Knows nothing of farms.
"""

import os
import re
import subprocess

from farms import contents

OPENED = re.compile(r'open(?:at)?\(.*?"(?:[^"\\]|\\.)*", (O_[A-Z_|]+).*? = \d+<(.*)>$')
WRITES = ("O_WRONLY", "O_RDWR", "O_CREAT")


def files_read(words, cwd, environment, top, log):
    """(exit code, names relative to `top` of files that were there before and that it has read)."""
    before = contents(top)
    done = subprocess.run(["strace", "-f", "-qq", "-y", "-e", "trace=open,openat", "-o", log, *words], cwd=cwd, env=environment,
                          stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    found = set()
    with open(log, encoding="utf-8", errors="surrogateescape") as lines:
        for line in lines:
            opened = OPENED.search(line.rstrip("\n"))
            if not opened or any(word in opened[1] for word in WRITES):
                continue
            name = os.path.relpath(opened[2], top)
            if name in before and os.path.isfile(os.path.join(top, name)):
                found.add(name)
    return done.returncode, sorted(found)
