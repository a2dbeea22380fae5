"""A recorded build as a project for the sleeping compiler (tests/lab/sleeping_compiler.cc): sources that say how long their
compile takes, a manifest for extfarm, a Makefile, a build.ninja.

Every step is a compile of a file of its own, whatever it was when it was recorded; which steps a compiler farm could
take is kept.  Knows nothing of who builds it.
"""

import json
import os
import shutil
import subprocess

from workers import PROGRAMS

SLEEPING_COMPILER = os.path.join(os.path.dirname(PROGRAMS), "tests", "bin", "sleeping_compiler")
COMPILE = 1  # the kind of a step is its category divided by 16
# Of an object for each second that the step took when it was recorded: a Cython module of 25 s has 1.5 MB.
BYTES_PER_SECOND, LEAST_BYTES = 60 << 10, 4 << 10
# What extfarm guesses of a source without history.
GUESS_SECONDS, GUESS_SECONDS_PER_MIB = 0.05, 8


def make_compiler():
    subprocess.run(["cmake", "--build", os.path.dirname(PROGRAMS), "--target", "sleeping_compiler"], check=True,
                   stdout=subprocess.DEVNULL)


def best_possible(steps, slots, scale=1.0):
    """Seconds: the longer of all work on all slots and the longest chain."""
    ends = []
    for _, seconds, _, _, after in steps:
        ends.append(seconds + max((ends[a] for a in after), default=0))
    return scale * max(sum(step[1] for step in steps) / slots, max(ends))


class Step:
    def __init__(self, number, recorded, scale):
        category, seconds, guess, _, self.after = recorded
        self.source, self.object = f"s{number}.c", f"s{number}.o"
        self.is_compile = category // 16 == COMPILE
        self.seconds, self.guess = seconds * scale, guess * scale
        self.bytes = LEAST_BYTES + int(seconds * BYTES_PER_SECOND)
        self.line = f"#pragma sleep {self.seconds:.4f} {self.bytes}"

    @property
    def inputs(self):
        return [self.source] + [f"s{a}.o" for a in self.after]

    def expected_object(self):
        line = (self.line + "\n").encode()
        return (line * (self.bytes // len(line) + 1))[:self.bytes]


class SleepingProject:
    """In `folder`, with its compiler `gcc`.  `scale` multiplies the recorded seconds."""

    def __init__(self, folder, tools, steps, scale):
        self.folder, self.tools, self.gcc = folder, tools, os.path.join(tools, "gcc")
        for path in (folder, tools):
            os.makedirs(path, exist_ok=True)
        shutil.copy(SLEEPING_COMPILER, self.gcc)
        self.steps = [Step(number, recorded, scale) for number, recorded in enumerate(steps)]
        for step in self.steps:
            # The size that makes extfarm guess, without history, what it guessed of the recorded step.
            size = max(0, int((step.guess - GUESS_SECONDS) / GUESS_SECONDS_PER_MIB * (1 << 20)))
            self._write(step.source, f"{step.line}\nint {step.object[:-2]};\n//" + "x" * size + "\n")
        self._write("manifest.json", json.dumps({"schema": 1, "actions": [
            {"argv": [self.gcc, "-c", step.source, "-o", step.object], "inputs": step.inputs, "outputs": [step.object]}
            for step in self.steps]}))
        self._write_makefile()
        self._write_ninja()

    def _write(self, name, text):
        with open(os.path.join(self.folder, name), "w", encoding="ascii") as out:
            out.write(text)

    def _last_objects(self):
        """What no other step needs: what a build file asks for."""
        needed = {a for step in self.steps for a in step.after}
        return " ".join(step.object for number, step in enumerate(self.steps) if number not in needed)

    def _write_makefile(self):
        """CC compiles; HERE does what is no compile (cythonize, links), which only some farms take."""
        lines = [f"CC = {self.gcc}\nHERE = {self.gcc}\nall: {self._last_objects()}"]
        for step in self.steps:
            lines.append(f"{step.object}: {' '.join(step.inputs)}\n"
                         f"\t@$({'CC' if step.is_compile else 'HERE'}) -c {step.source} -o {step.object}")
        self._write("Makefile", "\n".join(lines) + "\n")

    def _write_ninja(self):
        lines = [f"rule cc\n  command = {self.gcc} -c $source -o $out"]
        for step in self.steps:
            lines.append(f"build {step.object}: cc {' '.join(step.inputs)}\n  source = {step.source}")
        self._write("build.ninja", "\n".join(lines) + "\n")

    def clean(self):
        """Leaves the sources, and what extfarm remembers."""
        for name in os.listdir(self.folder):
            if name.endswith(".o") or name.startswith(".ninja_"):
                os.remove(os.path.join(self.folder, name))

    def check(self):
        """Raises RuntimeError unless every object is there with the right bytes."""
        for step in self.steps:
            with open(os.path.join(self.folder, step.object), "rb") as file:
                if file.read() != step.expected_object():
                    raise RuntimeError(f"{step.object} has not the bytes of its compile")
