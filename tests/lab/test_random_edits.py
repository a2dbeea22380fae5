"""Whatever is edited, a build on the farm makes what a build from scratch makes, and runs nothing for nothing.

A project of about 40 extensions is edited at random, step by step.  After each
step it is built by `extfarm run` and its outputs are compared with those of
setup.py alone (plain_builds.py).  What ran is compared with what the content
called for: an action may run when its command, or the content of what it
reads, is not that of its last build, or when its outputs are not as they were
left; nothing else may.

    EXTFARM_TEST_SEED=17 EXTFARM_TEST_STEPS=52 tests/lab/test_random_edits.py

repeats the steps up to 52 of the seed that a failure names.  Each step draws
whether the store of earlier results is used; EXTFARM_TEST_OPTIONS are options
for `extfarm run` in all of them.
"""

import collections
import os
import random
import shlex
import sys
import time
import unittest

from edited_project import first_project
from farm import last_build, program, spans
from one_machine import OneMachine
from plain_builds import Places, PlainBuilds, digest, why_not
from random_edits import Edits

STEPS = int(os.environ.get("EXTFARM_TEST_STEPS", "200"))
SEED = int(os.environ.get("EXTFARM_TEST_SEED", "0")) or int(time.time())
OPTIONS = shlex.split(os.environ.get("EXTFARM_TEST_OPTIONS", ""))
STEPS_BETWEEN_WHOLE_BUILDS = 50  # a whole build costs as much as ten steps
BUILDS_UNTIL_SETTLED = 10


def action_outputs(project):
    """The outputs of all actions, by extension."""
    places = Places(project.ordered())
    found = []
    for extension in project.ordered():
        found += [places.library(extension), *places.objects(extension)]
        found += places.c_files(extension) if project.is_cython(extension) else []
    return found


class RandomEdits(OneMachine):
    def setUp(self):
        super().setUp()
        os.makedirs(self.folder)
        self._files = {}
        self._left = {}   # output → digest, as the last build on the farm left it
        self._built = {}  # output → key of the action that last made it, or found it up to date
        self._counts = collections.Counter()
        for name in ("one", "other"):
            self.start_worker(name)
        self._oracle = PlainBuilds(self.home("plain"), self.folder, self.environment())
        self.addCleanup(self._oracle.close)

    def on_disk(self, path):
        try:
            with open(os.path.join(self.folder, path), "rb") as file:
                return digest(file.read())
        except FileNotFoundError:
            return None

    # The tree follows the project; only what differs is written.
    def write_project(self, project):
        files = project.files()
        for path in set(self._files) - set(files):
            os.remove(os.path.join(self.folder, path))
        for path, text in files.items():
            if self._files.get(path) != text:
                self.write_file(path, text)
        for folder in ("src", *{path for extension in project.extensions for path in extension.include_dirs}):
            os.makedirs(os.path.join(self.folder, folder), exist_ok=True)
        self._files = files

    def write_file(self, path, text):
        path = os.path.join(self.folder, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)

    def times(self, step):
        paths = [path for what, path in step.disk if what == "keep time"]
        return {path: os.stat(os.path.join(self.folder, path)) for path in paths
                if os.path.exists(os.path.join(self.folder, path))}

    def apply(self, step):
        kept = self.times(step)
        self.write_project(step.project)
        for what, name in step.disk:
            path = os.path.join(self.folder, name)
            if not os.path.exists(path):
                continue
            if what == "keep time" and name in kept:
                os.utime(path, ns=(kept[name].st_atime_ns, kept[name].st_mtime_ns))
            elif what == "touch":
                os.utime(path)
            elif what == "rewrite":
                os.remove(path)
                self.write_file(name, self._files[name])
            elif what == "delete":
                os.remove(path)
            elif what in ("append", "empty"):
                with open(path, "ab" if what == "append" else "wb") as out:
                    out.write(b"x" if what == "append" else b"")
            elif what.startswith("swap with ") and os.path.exists(os.path.join(self.folder, what[10:])):
                other = os.path.join(self.folder, what[10:])
                os.rename(path, path + ".swapped")
                os.rename(other, path)
                os.rename(path + ".swapped", other)

    def build(self, project, options):
        """Builds on the farm.  Returns the outputs of the actions that ran; None when that cannot be told."""
        figures, ran = self.build_once(project, options)
        if figures["passed_through"] == 0:
            return ran
        # On a machine so busy that its workers were late, setup.py has run commands itself, which no trace tells.
        self._counts["steps partly run by setup.py"] += 1
        for _ in range(BUILDS_UNTIL_SETTLED):
            if self.build_once(project, options)[0]["passed_through"] == 0:
                return None
        raise AssertionError(f"{BUILDS_UNTIL_SETTLED} builds, and in each setup.py ran commands itself")

    def build_once(self, project, options):
        trace = os.path.join(self.folder, ".extfarm", "trace.json")
        before = os.stat(trace) if os.path.exists(trace) else None
        done = self.run_build("--local", "0", *OPTIONS, *options, **project.environment)
        if done.returncode != 0:
            raise AssertionError("extfarm run fails:\n" + done.stdout[-3000:] + done.stderr[-3000:])
        figures = last_build(self.folder)["actions"]
        after = os.stat(trace) if os.path.exists(trace) else None
        wrote = after and (before is None or (before.st_ino, before.st_mtime_ns) != (after.st_ino, after.st_mtime_ns))
        ran = [span["name"] for span in spans(self.folder) if span["args"]["counted"]] if wrote else []
        self.assertEqual(figures["total"], len(action_outputs(project)))
        self.assertEqual(len(ran) + figures["passed_through"],
                         figures["total"] - figures["fresh"] - figures["restored"], f"{figures} {ran}")
        self._counts["restored"] += figures["restored"]
        return figures, ran

    def check(self, ran, expected, disturbed):
        wrong = [path for path, value in expected["outputs"].items() if self.on_disk(path) != value]
        if wrong:
            wrong.sort(key=lambda path: (path.endswith(".so"), path.endswith(".o"), path))  # causes first
            self.fail(f"not what a build from scratch makes: {' '.join(wrong)}\n" + self.explanation(wrong[0]))
        called_for = {path for path, key in expected["actions"].items()
                      if path in disturbed or self._built.get(path) != key}
        for path in ran or ():
            if path not in called_for:
                self.fail(f"{path} was made again for nothing\n" + self.explanation(path))
        self._counts.update(ran=len(ran or ()), called_for=len(called_for), actions=len(expected["actions"]))
        self._counts["quiet steps"] += ran == []

    def explanation(self, path):
        done = self.run_command(program("extfarm"), "explain", path)
        return done.stdout + done.stderr

    def take_step(self, project, whole, options=()):
        """Builds and compares.  Both builds go on at once."""
        self._oracle.start(project, whole)
        places = action_outputs(project)
        disturbed = {path for path in places if self.on_disk(path) != self._left.get(path)}
        try:
            ran = self.build(project, options)
        finally:
            expected = self._oracle.finish()
        self.assertEqual(expected["wrong"], [], "the oracle itself was wrong")
        self.check(ran, expected, disturbed)
        self._left.update((path, self.on_disk(path)) for path in places)
        self._built.update(expected["actions"])
        self._figures = expected["figures"]

    def damageable(self, project):
        places = Places(project.ordered())
        return action_outputs(project) + [places.copy(extension) for extension in project.extensions]

    def test_each_step_makes_what_a_build_from_scratch_makes_and_runs_nothing_for_nothing(self):
        print(f"EXTFARM_TEST_SEED={SEED}, {STEPS} steps", flush=True)
        project = first_project(random.Random(SEED))
        edits = Edits(self.damageable)
        self.write_project(project)
        self.take_step(project, False)
        number, words = 0, ["the first build"]
        try:
            for number in range(1, STEPS + 1):
                rng = random.Random(f"{SEED} {number}")
                step = edits.next(rng, project)
                words, project = step.words, step.project
                self.apply(step)
                stores = rng.choice([(), ("--no-store",)])
                self.take_step(project, number % STEPS_BETWEEN_WHOLE_BUILDS == 0 or number == STEPS, stores)
        except Exception as error:
            raise AssertionError(f"seed {SEED}, step {number}: {'; '.join(words)}\n{error}") from error
        print(f"{dict(self._counts)}, oracle: {self._figures}", flush=True)
        self.assertGreater(self._counts["ran"], STEPS)


if __name__ == "__main__":
    if why_not():
        print(f"SKIPPED, nothing was edited: {why_not()}", file=sys.stderr)
        sys.exit(77)
    unittest.main()
