"""What a process holds, and whether that grows.  Reads /proc; knows nothing of extfarm."""

import dataclasses
import os
import time

SETTLED_WITHIN_SECONDS = 5


@dataclasses.dataclass(frozen=True)
class Figures:
    memory_kib: int  # of its own, resident
    descriptors: int
    threads: int
    children: int
    scratch_files: int

    def as_dict(self):
        return dataclasses.asdict(self)

    def counts(self):
        return {name: value for name, value in self.as_dict().items() if name != "memory_kib"}

    def __str__(self):
        return (f"{self.memory_kib} KiB, {self.descriptors} descriptors, {self.threads} threads, "
                f"{self.children} children, {self.scratch_files} scratch files")


def figures_of(pid, scratch):
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
        fields = dict(line.split(":", 1) for line in file.read().splitlines())
    children = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/children", encoding="ascii") as file:
            children += len(file.read().split())
    return Figures(int(fields["RssAnon"].split()[0]), len(os.listdir(f"/proc/{pid}/fd")), int(fields["Threads"]), children,
                   sum(len(folders) + len(files) for _, folders, files in os.walk(scratch)))


def settled_figures(pid, scratch):
    """As soon as two looks in a row have the same counts: what a build leaves is cleared away after it."""
    end, last = time.monotonic() + SETTLED_WITHIN_SECONDS, figures_of(pid, scratch)
    while time.monotonic() < end:
        time.sleep(0.3)
        now = figures_of(pid, scratch)
        if now.counts() == last.counts():
            return now
        last = now
    return last


class Growth:
    """Figures over time; `at` counts what was done."""

    # Of the allocator, not of what was done: pages come and go in such pieces.
    SLACK_KIB = 512
    BYTES_FOR_EACH = 8

    def __init__(self, warm_share):
        """What was done before that share of all is not looked at."""
        self._warm_share, self.samples, self.complaints = warm_share, [], []

    def add(self, at, figures):
        self.samples.append((at, figures))

    def _ends(self):
        """(at, least figures) of the first fifth of the samples that count, and of the last: what is there for a moment
        is no growth."""
        warm = self.samples[-1][0] * self._warm_share
        counting = [sample for sample in self.samples if sample[0] >= warm]
        size = max(1, len(counting) // 5)
        return [(part[-1][0], Figures(*map(min, *(dataclasses.astuple(figures) for _, figures in part * 2))))
                for part in (counting[:size], counting[-size:])]

    def problems(self):
        """In words; empty when nothing grows."""
        (begin, first), (end, last) = self._ends()
        found = list(self.complaints)
        allowed = self.SLACK_KIB + (end - begin) * self.BYTES_FOR_EACH / 1024
        if last.memory_kib - first.memory_kib > allowed:
            found.append(f"memory has grown by {last.memory_kib - first.memory_kib} KiB from {begin} to {end}")
        for name, value in last.counts().items():
            if value > first.counts()[name]:
                found.append(f"{name}: {first.counts()[name]} at {begin}, {value} at {end}")
        return found

    def __str__(self):
        (begin, first), (end, last) = self._ends()
        return f"from {begin} to {end}: memory {first.memory_kib} to {last.memory_kib} KiB; at the end {last}"
