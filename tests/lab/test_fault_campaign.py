"""Builds on three hosts to which something happens all the time: each ends, with the bytes of a plain build.

EXTFARM_CAMPAIGN says how many builds, EXTFARM_SEED which; ten by default.  They wait more than they work, so several
labs build at once, each by this program once more, with its number as EXTFARM_PART.
"""

import collections
import json
import os
import random
import re
import shutil
import subprocess
import sys
import time
import unittest

from campaign import HOSTS, Campaign, drain
from farm import last_build
from faults import Schedule
from hosts import Lab, main_or_say_why_not

COUNT = int(os.environ.get("EXTFARM_CAMPAIGN", "10"))
SEED = int(os.environ.get("EXTFARM_SEED", "0")) or random.SystemRandom().randrange(1, 10**9)
PARTS = 3
PART = os.environ.get("EXTFARM_PART")


class OnePart(unittest.TestCase):
    """One lab's share of the builds."""

    def test_every_build_ends_with_the_same_bytes(self):
        lab = Lab("head", *HOSTS)
        self.addCleanup(lab.__exit__)
        campaign, dice = Campaign(lab), random.Random(SEED)
        places, seconds, retried, faults = campaign.start_workers(), [], 0, collections.Counter()
        for number in range(COUNT):
            schedule_seed = dice.random()
            if number % PARTS != int(PART):
                continue
            schedule = Schedule(random.Random(schedule_seed), places, 4)
            began = time.monotonic()
            with self.subTest(build=number, seed=SEED):
                try:
                    problems, said = campaign.build(schedule)
                finally:
                    schedule.end()
                seconds.append(time.monotonic() - began)
                self.assertEqual(problems, [], f"\n{schedule.told}\n{said}")
                retried += last_build(campaign.folder)["actions"]["retried"]
                faults += schedule.counts
            shutil.rmtree(campaign.folder)
        self.assertEqual(drain(places), [])
        print(f"[ figure   ] builds took {min(seconds):.1f} to {max(seconds):.1f} s, {sum(seconds):.0f} together; "
              f"{retried} attempts repeated; {sum(faults.values())} faults\n[ counts   ] {json.dumps(faults)}", flush=True)


class AllParts(unittest.TestCase):
    def test_every_build_ends_with_the_same_bytes(self):
        print(f"seed {SEED}, {COUNT} builds", flush=True)
        parts = [subprocess.Popen([sys.executable, "-W", "error", __file__, "OnePart"], stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True,
                                  env={**os.environ, "EXTFARM_PART": str(part), "EXTFARM_SEED": str(SEED)})
                 for part in range(PARTS)]
        outputs = [part.communicate()[0] for part in parts]
        for part, output in zip(parts, outputs):
            self.assertEqual(part.returncode, 0, output)
            print("\n".join(line for line in output.splitlines() if "figure" in line), flush=True)
        faults = collections.Counter()
        for counts in re.findall(r"\[ counts   \] (.*)", "\n".join(outputs)):
            faults.update(json.loads(counts))
        print(f"[ figure   ] {sum(faults.values())} faults in {COUNT} builds: "
              + ", ".join(f"{count} × {what}" for what, count in sorted(faults.items())), flush=True)
        self.assertGreaterEqual(sum(faults.values()), COUNT / 2, "hardly anything has happened")


if __name__ == "__main__":
    if PART is None:
        sys.argv[1:] = ["AllParts"]
    main_or_say_why_not()
