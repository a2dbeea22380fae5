"""Builds for hours on three hosts to which something happens all the time: soak.py HOURS [SEED].

After each build all files are compared with a plain build's.  One worker is never killed: what it holds is looked at
every minute.  Of each coordinator the largest memory is noted.  Exit code 1 when a build did not end with the same
bytes, when that worker or the coordinators have grown, or when a worker does not end and clear its scratch folder.
"""

import os
import random
import shutil
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "bench"))

import hosts  # noqa: E402
from campaign import ACTIONS, HOSTS, Campaign, drain  # noqa: E402
from farm import last_build  # noqa: E402
from faults import Schedule  # noqa: E402
from hosts import LOCAL, Lab  # noqa: E402
from process_figures import Growth, settled_figures  # noqa: E402

SPARED = "three"
LOOK_EVERY_SECONDS = 60
COORDINATOR_MAY_GROW_KIB = 2048  # between the first builds and the last


def peak_kib(pid):
    """0 when the process is no more."""
    try:
        with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
            return next((int(line.split()[1]) for line in file if line.startswith("VmHWM")), 0)
    except OSError:
        return 0


class Soak:
    def __init__(self, lab, seed):
        self._dice, self._campaign = random.Random(seed), Campaign(lab)
        self._places = self._campaign.start_workers(spared=(SPARED,))
        self._spared = next(place for place in self._places if place.is_spared)
        self._growth, self._peaks, self._seconds, self.problems = Growth(1 / 4), [], [], []
        self._faults = self._retried = 0

    def run(self, seconds):
        began = time.monotonic()
        next_look = began + min(LOOK_EVERY_SECONDS, seconds / 20)
        while time.monotonic() - began < seconds:
            self._build()
            if time.monotonic() >= next_look:
                self._look()
                print(f"{(time.monotonic() - began) / 60:6.1f} min: {self._tally()}; {self._growth.samples[-1][1]}", flush=True)
                next_look = time.monotonic() + min(LOOK_EVERY_SECONDS, seconds / 20)
        self._end()

    def _build(self):
        schedule, peak, began = Schedule(random.Random(self._dice.random()), self._places, 4), 0, time.monotonic()

        def look(pid):
            nonlocal peak
            peak = max(peak, peak_kib(pid))

        try:
            problems, said = self._campaign.build(schedule, look)
        except TimeoutError as error:
            problems, said = [str(error)], ""
        finally:
            schedule.end()
        self._seconds.append(time.monotonic() - began)
        self._peaks.append(peak)
        self._faults += len(schedule.told)
        if problems:
            self.problems.append(f"build {len(self._seconds)}: {problems}")
            print(f"{self.problems[-1]}\n{schedule.told}\n{said}", flush=True)
        else:
            self._retried += last_build(self._campaign.folder)["actions"]["retried"]
        shutil.rmtree(self._campaign.folder)

    def _look(self):
        scratch = f"/proc/{self._spared.host.pid}/root{LOCAL}/small/scratch"
        self._growth.add(len(self._seconds) * ACTIONS, settled_figures(self._spared.worker.pid, scratch))

    def _end(self):
        self.problems += drain(self._places)
        self.problems += self._growth.problems()
        size = max(1, len(self._peaks) // 5)
        first, last = min(self._peaks[:size]), min(self._peaks[-size:])
        if last > first + COORDINATOR_MAY_GROW_KIB:
            self.problems.append(f"coordinators need {last} KiB now, {first} at first")

    def _tally(self):
        return (f"{len(self._seconds)} builds of {min(self._seconds):.1f} to {max(self._seconds):.1f} s, {self._faults} faults, "
                f"{self._retried} attempts repeated")

    def summary(self):
        return (f"soak: {self._tally()}; the worker that was spared {self._growth}; coordinators needed at most "
                f"{max(self._peaks)} KiB; {'; '.join(self.problems) or 'nothing wrong'}")


def main(hours="4", seed=None):
    if hosts.why_not():
        sys.exit(f"soak: no lab can be made here: {hosts.why_not()}")
    seed = int(seed or random.SystemRandom().randrange(1, 10**9))
    print(f"soak: seed {seed}, {float(hours):g} hours", flush=True)
    with Lab("head", *HOSTS) as lab:
        soak = Soak(lab, seed)
        soak.run(float(hours) * 3600)
        print(soak.summary())
    return 1 if soak.problems else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
