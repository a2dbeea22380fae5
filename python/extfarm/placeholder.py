"""Is the command of an `extfarm run` whose build was running before it.

Says where the coordinator listens, waits for the build to say its exit code,
and ends with that; a build that dies without a word counts as failed.
"""

import os
import sys

if __name__ == "__main__":
    try:
        os.write(1, os.fsencode(os.environ["EXTFARM_SOCKET"]) + b"\n")
        os.close(1)
        sys.exit(int(sys.stdin.readline() or 1))
    except KeyboardInterrupt:
        sys.exit(130)
