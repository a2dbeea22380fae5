"""Command lines put together at random: no difference to the plain compiler in either mode.

EXTFARM_GENERATED says how many, EXTFARM_SEED which.  A difference that two plain runs have as well is none.
"""

import concurrent.futures
import os
import random
import shutil
import sys
import unittest

from cases import FAILED_UNLISTED, compare, perform
from farms import Farms
from generator import COMPILERS, command

COUNT = int(os.environ.get("EXTFARM_GENERATED", "150"))
SEED = int(os.environ.get("EXTFARM_SEED", "0")) or random.SystemRandom().randrange(1, 10**9)
THREADS = 2
PLAIN_RUNS = 4  # enough to see that the plain compiler differs from itself


def judged(case, folder, farms):
    """By mode what differed, and whether the plain compiler differs from itself."""
    differences = compare(case, case.compilers[0], folder, farms)
    varies = False
    if any(differences.values()):
        runs = [perform(case, case.compilers[0], folder, None) for _ in range(PLAIN_RUNS)]
        for other in runs[1:]:
            for name in {*runs[0].files, *other.files}:
                if runs[0].files.get(name) != other.files.get(name):
                    case.varies += (name,)
            case.varies_output |= (runs[0].stdout, runs[0].stderr) != (other.stdout, other.stderr)
        varies = bool(case.varies) or case.varies_output
        if varies:
            differences = compare(case, case.compilers[0], folder, farms)
            differences = {mode: text for mode, text in differences.items() if text}
    shutil.rmtree(folder, ignore_errors=True)
    return {mode: text for mode, text in differences.items() if text}, varies


class Generated(unittest.TestCase):
    def test_no_command_line_differs(self):
        print(f"seed {SEED}, {COUNT} command lines", file=sys.stderr)
        source = random.Random(SEED)
        farms = Farms(COMPILERS)
        with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
            jobs = []
            for number in range(COUNT):
                case = command(source, number)
                jobs.append((case, pool.submit(judged, case, os.path.join(farms.top, "cases", str(number)), farms)))
            results = [(case, *job.result()) for case, job in jobs]
        builds = farms.end()
        for case, differences, _ in results:
            for mode, text in differences.items():
                with self.subTest(number=case.row, line=case.line, compiler=case.compilers[0], mode=mode):
                    self.fail(text)
        varying = sum(varies for _, _, varies in results)
        shares = {mode: 1 - sum(FAILED_UNLISTED not in local["reason"] for local in locals_) / actions["total"]
                  for mode, (actions, locals_) in builds.items()}
        print(f"tried on a worker: {shares['view']:.0%} with a view, {shares['direct']:.0%} without; "
              f"{varying} vary with the plain compiler alone", file=sys.stderr)
        self.assertGreater(shares["view"], 0.5, "hardly anything was tried on a worker")
        self.assertLess(varying, COUNT / 5, "too much was left uncompared")


if __name__ == "__main__":
    unittest.main()
