"""What befalls a lab in the middle of a build, as a seed says: a schedule of faults, each with its end.

Knows hosts and their workers; nothing of what is built.
"""

import collections
import contextlib
import json
import os
import signal
import sys
import time

from clocks import step, steps_with
from farm import program
from hosts import LOCAL, SHARED, descendants, wait_until

SCRATCH_MEGABYTES = 24  # on each host
DESCRIPTORS = 256       # on the first of them
SLOW_LINK = os.path.join(os.path.dirname(os.path.abspath(__file__)), "slow_link.py")
SLOW_LINKS = (("0.15", "0.02", "2e6"), ("0.02", "0.10", "1e6"), ("0.4", "0", "100e3"))  # seconds, share lost, bytes a second
CLOCK_STEPS = ("+1h", "-1h", "+400d", "-3s")
LONGEST_SECONDS = 4
HEAD = "head"


def clock_of(lab, name):
    """Words in front of a command whose clock steps with that host's."""
    if not os.path.exists(lab.path("clock." + name)):
        step(lab.path("clock." + name), "+0")
    return steps_with(f"{SHARED}/clock.{name}")


class WorkerHost:
    """A lab host with a worker, on a scratch disk of its own that can be full."""

    def __init__(self, lab, name, slots, *options):
        self.lab, self.name, self.host = lab, name, lab[name]
        self.dice = None  # the schedule's
        self.is_spared = False  # from being killed
        self.replaced = []  # earlier workers that are to end by themselves
        self.port = list(lab.hosts).index(name) + 1
        self._slots, self._options, self.worker = slots, options, None
        small = f"mkdir -p {LOCAL}/small && mount -t tmpfs -o size={SCRATCH_MEGABYTES}m scratch {LOCAL}/small"
        done = self.host.run("sh", "-ec", small)
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
        self._limits = ("prlimit", f"--nofile={DESCRIPTORS}:{DESCRIPTORS}") if self.port == 2 else ()
        self.start()

    def start(self):
        # An earlier one may have the port yet.
        options = () if all(old.ended() for old in self.replaced) else ("--bind", "tcp://*:*")
        self.worker = self.host.start(*clock_of(self.lab, self.name), *self._limits, program("extfarm-worker"), "--slots",
                                      str(self._slots), "--advertise", self.host.address, "--scratch",
                                      LOCAL + "/small/scratch", *self._options, *options)

    def signal(self, number):
        with contextlib.suppress(ProcessLookupError):
            self.worker.signal(number)


def _kill(place):
    place.signal(signal.SIGKILL)
    place.worker.wait(30)
    return place.start


def _restart(place):
    _kill(place)()
    return lambda: None


def _replace(place):
    """The old worker and its attempts stand still and go on when another has taken their place."""
    old = place.worker
    old.signal(signal.SIGSTOP)
    place.replaced.append(old)
    place.start()

    def go_on():
        old.signal(signal.SIGCONT)
        old.signal(signal.SIGTERM)

    return go_on


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


def _slow(place):
    port, near, far = f"port{place.port}", f"near{place.port}", f"far{place.port}"
    place.lab.in_switch(f"ip link set {port} nomaster; ip link add {near} type veth peer name {far}; "
                        f"ip link set {far} master plane up; ip link set {near} up")
    link = place.lab.start_in_switch(sys.executable, SLOW_LINK, port, near, *place.dice.choice(SLOW_LINKS), "1")

    def undo():
        link.signal(signal.SIGKILL)
        link.wait()
        place.lab.in_switch(f"ip link del {near}; ip link set {port} master plane")

    return undo


def _double_beacons(place):
    """Each of the host's beacons once more as it is, and once as that of another worker."""
    folder, made = place.lab.path("home", ".extfarm", "workers"), []
    for name in [name for name in os.listdir(folder) if name.startswith(place.name + "-")]:
        with open(os.path.join(folder, name), encoding="utf-8") as file:
            beacon = json.load(file)
        for copied in (beacon, {**beacon, "name": "twin-of-" + beacon["name"]}):
            made.append(os.path.join(folder, f"copy{len(made)}-{name}"))
            with open(made[-1], "w", encoding="utf-8") as out:
                json.dump(copied, out)

    def undo():
        for path in made:
            os.unlink(path)

    return undo


def _step_clock(name):
    def fault(place):
        step(place.lab.path("clock." + (name or place.name)), place.dice.choice(CLOCK_STEPS))
        return lambda: step(place.lab.path("clock." + (name or place.name)), "+0")

    return fault


def _kill_compilers(place):
    for pid, name in descendants(place.worker.pid):
        if name in ("gcc", "cc1", "as", "collect2", "ld", "ar", "sleep"):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    return lambda: None


def _fill_scratch(place):
    place.host.run("sh", "-c", f"head -c {SCRATCH_MEGABYTES << 20} /dev/zero > {LOCAL}/small/filler")
    return lambda: place.host.run("rm", "-f", LOCAL + "/small/filler")


FAULTS = {"worker killed": _kill, "worker started anew": _restart, "worker replaced": _replace, "worker stopped": _stop,
          "cut off": _cut, "heard no more": _mute, "hears no more": _deafen, "slow and lossy": _slow,
          "beacons doubled": _double_beacons, "clock steps": _step_clock(None), "builder's clock steps": _step_clock(HEAD),
          "compilers killed": _kill_compilers, "scratch full": _fill_scratch}
KILLING = (_kill, _restart, _replace)
KILL_COORDINATOR = "coordinator killed"


class Schedule:
    """Faults drawn from `random`; `apply` what is due, `end` all that has begun."""

    def __init__(self, random, places, longest_start):
        self._planned, self._open, self.told = [], [], []
        self.counts = collections.Counter()
        for place in places:
            place.dice = random
        for _ in range(random.randint(1, 5)):
            what = random.choice([*FAULTS, KILL_COORDINATOR])
            exposed = [place for place in places if FAULTS.get(what) not in KILLING or not place.is_spared]
            self._planned.append((random.uniform(0.2, longest_start), random.uniform(0.2, LONGEST_SECONDS), what,
                                  random.choice(exposed)))
        self._planned.sort(key=lambda entry: entry[0])
        self._began = None  # when its time began to run: mostly with the first result
        self._waits_for_results = random.random() < 0.8
        self.kills_coordinator = False

    def apply(self, has_results):
        if self._began is None:
            if self._waits_for_results and not has_results:
                return
            self._began = time.monotonic()
        now = time.monotonic() - self._began
        while self._planned and self._planned[0][0] <= now:
            _, length, what, place = self._planned.pop(0)
            if what == KILL_COORDINATOR:
                self.told.append(f"{now:.1f} {what}")
                self.counts[what] += 1
                self.kills_coordinator = True
            elif not any(other is place for _, _, other in self._open):
                self.told.append(f"{now:.1f} {place.name}: {what} for {length:.1f} s")
                self.counts[what] += 1
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
