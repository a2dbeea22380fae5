#!/usr/bin/python3
"""Under `extfarm run`: waits until so many workers have joined the build.  Says how many have, and how many descriptors a
command of the build may open.  Exit code 1 when time is up.

    await_workers.py COUNT SECONDS
"""

import json
import os
import resource
import socket
import sys
import time


def joined(lines):
    lines.write('{"op":"live","id":"1"}\n')
    lines.flush()
    for line in lines:
        message = json.loads(line)
        if message["op"] == "live":
            return len(message["build"]["workers"])
    raise RuntimeError("the coordinator is gone")


def main(count, seconds):
    end, now = time.monotonic() + seconds, 0
    with socket.socket(socket.AF_UNIX) as door:
        door.connect(os.environ["EXTFARM_SOCKET"])
        lines = door.makefile("rw", encoding="utf-8")
        lines.write('{"op":"hello","version":1,"client":"await_workers","pid":%d,"environment":{}}\n' % os.getpid())
        while now < count and time.monotonic() < end:
            now = joined(lines)
            time.sleep(0.05)
    print(f"joined {now}, descriptors {resource.getrlimit(resource.RLIMIT_NOFILE)[0]}", flush=True)
    return 0 if now >= count else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), float(sys.argv[2])))
