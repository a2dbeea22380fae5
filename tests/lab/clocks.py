"""Wall clocks of one program alone, by libfaketime.  Its monotonic clock, and the files', stay as they are."""

import glob


def _other(**how):
    found = glob.glob("/usr/lib/*/faketime/libfaketime.so.1")
    how = {"LD_PRELOAD": found[0], "FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1", "NO_FAKE_STAT": "1",
           **how}
    return ("env", *(f"{name}={value}" for name, value in how.items()))


def off(offset):
    """Words in front of a command for which it is so much later."""
    return _other(FAKETIME=offset)


def steps_with(path):
    """Words in front of a command for which it is as much later as the file says; see step()."""
    return _other(FAKETIME_TIMESTAMP_FILE=path, FAKETIME_CACHE_DURATION="1")


def step(path, offset):
    with open(path, "w", encoding="ascii") as out:
        out.write(offset + "\n")
