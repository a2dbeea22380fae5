"""What befalls a lab in the middle of a build, as a seed says: a schedule of faults, each with its end.

Knows hosts and their workers; nothing of what is built.
"""

import contextlib
import os
import signal
import time

from farm import program
from hosts import LOCAL, descendants, wait_until

SCRATCH_MEGABYTES = 24  # on each host
LONGEST_SECONDS = 4
HEAD = "head"


class WorkerHost:
    """A lab host with a worker, on a scratch disk of its own that can be full."""

    def __init__(self, lab, name, slots, *options):
        self.lab, self.name, self.host = lab, name, lab[name]
        self.is_spared = False  # from being killed
        self.port = list(lab.hosts).index(name) + 1
        self._slots, self._options, self.worker = slots, options, None
        small = f"mkdir -p {LOCAL}/small && mount -t tmpfs -o size={SCRATCH_MEGABYTES}m scratch {LOCAL}/small"
        done = self.host.run("sh", "-ec", small)
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
        self.start()

    def start(self):
        self.worker = self.host.start(program("extfarm-worker"), "--slots", str(self._slots), "--advertise",
                                      self.host.address, "--scratch", LOCAL + "/small/scratch", *self._options)

    def signal(self, number):
        with contextlib.suppress(ProcessLookupError):
            self.worker.signal(number)


def _kill(place):
    place.signal(signal.SIGKILL)
    place.worker.wait(30)
    return place.start


def _stop(place):
    place.signal(signal.SIGSTOP)
    return lambda: place.signal(signal.SIGCONT)


def _cut(place):
    port = f"ip link set port{place.port} "
    place.lab.in_switch(port + "down")
    return lambda: place.lab.in_switch(port + "up")


def _blackhole(host, target):
    """`host` sends nothing more to `target`; the other direction is as before."""
    host.run("ip", "route", "add", "blackhole", target.address + "/32")
    return lambda: host.run("ip", "route", "del", "blackhole", target.address + "/32")


def _mute(place):
    return _blackhole(place.host, place.lab[HEAD])


def _deafen(place):
    return _blackhole(place.lab[HEAD], place.host)


def _kill_compilers(place):
    for pid, name in descendants(place.worker.pid):
        if name in ("gcc", "cc1", "as", "collect2", "ld", "ar", "sleep"):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    return lambda: None


def _fill_scratch(place):
    place.host.run("sh", "-c", f"head -c {SCRATCH_MEGABYTES << 20} /dev/zero > {LOCAL}/small/filler")
    return lambda: place.host.run("rm", "-f", LOCAL + "/small/filler")


FAULTS = {"worker killed": _kill, "worker stopped": _stop, "cut off": _cut, "heard no more": _mute,
          "hears no more": _deafen, "compilers killed": _kill_compilers, "scratch full": _fill_scratch}
KILL_COORDINATOR = "coordinator killed"


class Schedule:
    """Faults drawn from `random`; `apply` what is due, `end` all that has begun."""

    def __init__(self, random, places, longest_start):
        self._planned, self._open, self.told = [], [], []
        for _ in range(random.randint(1, 5)):
            what = random.choice([*FAULTS, KILL_COORDINATOR])
            exposed = [place for place in places if FAULTS.get(what) is not _kill or not place.is_spared]
            self._planned.append((random.uniform(0.2, longest_start), random.uniform(0.2, LONGEST_SECONDS), what,
                                  random.choice(exposed)))
        self._planned.sort(key=lambda entry: entry[0])
        self._began = time.monotonic()
        self.kills_coordinator = False

    def apply(self):
        now = time.monotonic() - self._began
        while self._planned and self._planned[0][0] <= now:
            _, length, what, place = self._planned.pop(0)
            if what == KILL_COORDINATOR:
                self.told.append(f"{now:.1f} {what}")
                self.kills_coordinator = True
            elif not any(other is place for _, _, other in self._open):
                self.told.append(f"{now:.1f} {place.name}: {what} for {length:.1f} s")
                self._open.append((now + length, FAULTS[what](place), place))
        for entry in [entry for entry in self._open if entry[0] <= now]:
            self._open.remove(entry)
            entry[1]()

    def end(self):
        for _, undo, _ in self._open:
            undo()
        self._open = []


def wait_for_workers(lab, count):
    folder = lab.path("home", ".extfarm", "workers")
    wait_until(lambda: os.path.isdir(folder) and len(os.listdir(folder)) >= count, f"{count} beacons")
