"""More workers than a coordinator may have descriptors by the usual limit, each with a key of its own.

scripts/bench many_workers is the long form.
"""

import os
import subprocess
import sys
import tempfile
import unittest

BENCH = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "bench")
sys.path.insert(0, BENCH)

import compile_graph  # noqa: E402
from growth import make_compiler  # noqa: E402
from many_workers import check_objects  # noqa: E402
from workers import EXTFARM, Workers, last_build, learn_compiler  # noqa: E402

AWAIT = os.path.join(BENCH, "await_workers.py")
WORKERS, ACTIONS, FEW = 24, 120, 64


class ManyWorkers(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="extfarm-many-")
        self.addCleanup(folder.cleanup)
        self.project, tools = os.path.join(folder.name, "project"), make_compiler(folder.name)
        os.makedirs(self.project)
        compile_graph.write(self.project, ACTIONS, 3, 10, tools + "/gcc")
        known = learn_compiler(folder.name, tools + "/gcc")
        self.workers = Workers(folder.name, WORKERS, 2, (tools, "/usr"), scratch=os.path.join(folder.name, "scratch"),
                               own_keys=True, tools=known)
        self.workers.__enter__()
        self.addCleanup(self.workers.__exit__)

    def run_extfarm(self, descriptors, *words):
        done = subprocess.run(["prlimit", f"--nofile={descriptors}", EXTFARM, words[0], "--local", "0", "--no-store", *words[1:]],
                              cwd=self.project, env={**os.environ, **self.workers.variables}, capture_output=True, text=True,
                              timeout=200)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr[-3000:])
        return done.stdout, done.stderr

    def test_above_the_usual_limit_all_are_used_and_commands_keep_it(self):
        said, _ = self.run_extfarm(f"{FEW}:", "run", "--", AWAIT, str(WORKERS), "100")
        self.assertIn(f"joined {WORKERS}, descriptors {FEW}", said)
        _, warnings = self.run_extfarm(f"{FEW}:", "build", "--manifest", "manifest.json")
        last_build(self.project, ACTIONS)
        check_objects(self.project, ACTIONS)
        self.assertNotIn("workers are used", warnings)

    def test_where_the_limit_cannot_be_raised_fewer_are_used_and_that_is_said(self):
        _, warnings = self.run_extfarm(f"{FEW}:{FEW}", "run", "--", AWAIT, str(FEW // 4), "100")
        self.assertIn(f"only {FEW // 4} workers are used", warnings)
        self.run_extfarm(f"{FEW}:{FEW}", "build", "--manifest", "manifest.json")
        self.assertLessEqual(len(last_build(self.project, ACTIONS)["workers"]), FEW // 4)
        check_objects(self.project, ACTIONS)


if __name__ == "__main__":
    unittest.main(verbosity=2)
