"""A worker that lives for weeks holds no more after many builds than after a few.

EXTFARM_GROWTH_ACTIONS says how many compiles: 2,000 by default.  scripts/bench growth is the long form.
"""

import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "bench"))

import growth  # noqa: E402

ACTIONS = int(os.environ.get("EXTFARM_GROWTH_ACTIONS", "2000"))


class Growth(unittest.TestCase):
    def test_a_worker_holds_no_more_after_many_builds_than_after_a_few(self):
        found, builds = growth.run(ACTIONS, samples=4, variety=3, tell=lambda line: print(line, flush=True))
        self.assertGreater(builds.failed, 0)
        self.assertGreater(builds.killed, 0)
        self.assertEqual(found.problems(), [], str(found))


if __name__ == "__main__":
    unittest.main(verbosity=2)
