"""A control group of this machine with a limit on memory, for one process of a test and all that it starts."""

import contextlib
import os
import signal

from hosts import wait_until

MOUNTS = "/sys/fs/cgroup"


def _own_groups():
    """{controllers: group} of this process; "" stands for version 2."""
    with open("/proc/self/cgroup", encoding="utf-8") as file:
        return {controllers: group for _, controllers, group in (line.rstrip("\n").split(":", 2) for line in file)}


def _places():
    """(folder in which a group with a limit on memory may be made, the limit's file)."""
    own = _own_groups()
    if "memory" in own:
        yield MOUNTS + "/memory" + own["memory"], "memory.limit_in_bytes"
        yield MOUNTS + "/memory", "memory.limit_in_bytes"
    # A group of version 2 hands controllers on to those below it, or has processes: never both but at the top.
    group = own.get("", "/")
    while True:
        yield MOUNTS + group.rstrip("/"), "memory.max"
        if group == "/":
            return
        group = os.path.dirname(group)


class ControlGroup:
    """`words` in front of a command put it there."""

    def __init__(self, folder):
        self.folder = folder
        self.words = ("sh", "-c", f'echo 0 > {folder}/cgroup.procs && exec "$@"', "sh")

    def kills(self):
        """How many of its processes the kernel has killed for want of memory."""
        for name in ("memory.events", "memory.oom_control"):
            with contextlib.suppress(OSError), open(os.path.join(self.folder, name), encoding="ascii") as file:
                return next((int(line.split()[1]) for line in file if line.startswith("oom_kill ")), 0)
        return 0

    def end(self):
        """Kills what is still in it, and removes it."""
        with open(self.folder + "/cgroup.procs", encoding="ascii") as file:
            for pid in file.read().split():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)

        def is_gone():
            with contextlib.suppress(OSError):
                os.rmdir(self.folder)
            return not os.path.exists(self.folder)

        wait_until(is_gone, "end of the control group " + self.folder, 10)


def with_memory(limit_bytes):
    """(ControlGroup, None), or (None, why none can be made here)."""
    reasons = []
    for parent, name in _places():
        folder = os.path.join(parent, f"extfarm-test-{os.getpid()}")
        try:
            os.mkdir(folder)
        except OSError as error:
            reasons.append(str(error))
            continue
        try:
            with open(os.path.join(folder, name), "w", encoding="ascii") as file:
                file.write(str(limit_bytes))
        except OSError as error:
            os.rmdir(folder)
            reasons.append(str(error))
            continue
        with contextlib.suppress(OSError), open(folder + "/memory.swap.max", "w", encoding="ascii") as file:
            file.write("0")
        return ControlGroup(folder), None
    return None, "; ".join(reasons)
