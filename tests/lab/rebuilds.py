"""One project that is built, changed and built again, on this machine alone.

Knows what ran in a build (trace.json, last-build.json), what `extfarm explain`
says of it, and what the build's command makes from nothing.
"""

import os
import re
import shutil

from farm import last_build, program, spans
from one_machine import OneMachine

FRESH = "up to date"
# What explain says of an action whose recorded command it finds nothing against.
STILL = "up to date, if it is asked for as before"


class Rebuilds(OneMachine):
    """`command` is what builds; `tools` and `plain_tools` are its variables with and without the farm."""

    command = ("sh", "build.sh")
    tools = {"CC": program("extfarm-cc") + " /usr/bin/gcc"}
    plain_tools = {"CC": "/usr/bin/gcc"}
    # A worker that is there already: how long one takes to start decides nothing.
    # No store: what shall run has to run, also where its result was there once.
    options = ("--local", "0", "--no-store")

    def setUp(self):
        super().setUp()
        if "--local" in self.options:
            self.start_worker("worker", slots=2)

    def begin(self, files, **variables):
        """Lays out a project and builds it; all that it asks for runs."""
        self.lay_out(files)
        self.files = dict(files)
        return self.rebuild(**variables)

    def write(self, name, text):
        self.files[name] = text
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)

    def replace(self, name, old, new):
        self.assertIn(old, self.files[name])
        self.write(name, self.files[name].replace(old, new))

    def remove(self, name):
        self.files.pop(name, None)
        os.remove(os.path.join(self.folder, name))

    def run_extfarm(self, *words, **variables):
        return self.run_command(program("extfarm"), *words, **variables)

    def rebuild(self, *options, code=0, **variables):
        """Builds on the farm.  Returns the titles of what ran, sorted."""
        trace = os.path.join(self.folder, ".extfarm", "trace.json")
        report = os.path.join(self.folder, ".extfarm", "report.html")
        for path in (trace, report):  # A build in which nothing runs leaves those of an earlier one.
            if os.path.exists(path):
                os.remove(path)
        done = self.run_extfarm("run", *self.options, *options, "--", *self.command, **{**self.tools, **variables})
        self.words = done.stdout + done.stderr
        self.assertEqual(done.returncode, code, self.words)
        counts = last_build(self.folder)["actions"]
        ran = sorted(span["name"] for span in spans(self.folder) if span["args"]["counted"])
        self.assertEqual(counts["total"], counts["fresh"] + len(ran), counts)
        self.assertEqual((counts["on_workers"], counts["passed_through"], counts["retried"]), (len(ran), 0, 0),
                         self.words)
        return ran

    def explain(self, target, **variables):
        """What is said of the action that makes a file: (last build, now)."""
        done = self.run_extfarm("explain", target, **variables)
        self.assertEqual(done.returncode, 0, done.stderr)
        said = re.search(rf"^{re.escape(target)} \(.*\)\n  last build: (.*)\n  now: (.*)\n", done.stdout, re.MULTILINE)
        self.assertIsNotNone(said, done.stdout)
        return said.groups()

    def from_scratch(self, **variables):
        """What the command alone makes of the project as it is now, in the same folder."""
        aside = self.folder + ".aside"
        os.rename(self.folder, aside)
        try:
            self.lay_out(self.files)
            done = self.run_command(*self.command, **{**self.plain_tools, **variables})
            self.assertEqual(done.returncode, 0, done.stderr)
            return self.built()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)
            os.rename(aside, self.folder)

    def assert_as_from_scratch(self, **variables):
        expected, made = self.from_scratch(**variables), self.built()
        self.assertEqual(sorted(made), sorted(expected))
        self.assertEqual([name for name in expected if made[name] != expected[name]], [], "differ from a plain build")

    def assert_rebuilds(self, target, reason, ran, before=None, also=(), **variables):
        """A change was made: `target` runs for that reason, `ran` is all that runs, the bytes are right.

        `before`: what explain says before the build, where that is another reason; it cannot know of a
        command or an environment that changes.  `also`: what explain says of other actions of that build.
        """
        self.assertEqual(self.explain(target, **variables)[1], before or f"would run, because {reason}")
        self.assertEqual(self.rebuild(**variables), sorted(ran))
        self.assertEqual(self.explain(target, **variables), (f"ran, because {reason}", STILL))
        for other, words in dict(also).items():
            self.assertEqual(self.explain(other, **variables), (words, STILL))
        self.assert_as_from_scratch(**variables)
        self.assertEqual(self.rebuild(**variables), [])

    def assert_stays_fresh(self, target, **variables):
        self.assertEqual(self.explain(target, **variables)[1], STILL)
        self.assertEqual(self.rebuild(**variables), [])
        self.assertEqual(self.explain(target, **variables), (FRESH, STILL))
        self.assert_as_from_scratch(**variables)
