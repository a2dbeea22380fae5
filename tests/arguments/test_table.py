"""Each row of doc/arguments.md: the same exit code, words and files as the plain compiler's, and where it ran."""

import concurrent.futures
import os
import unittest

import table
from cases import FAILED_UNLISTED, compare
from farms import MODES, Farms

THREADS = 2


class Table(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        wanted = {int(row) for row in os.environ.get("EXTFARM_ROWS", "").split()}
        farms = Farms(sorted({compiler for case in table.CASES for compiler in case.compilers}))
        jobs = {}
        with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
            for number, case in enumerate(table.CASES):
                for compiler in case.compilers if not wanted or case.row in wanted else ():
                    folder = os.path.join(farms.top, "cases", f"{number}-{compiler}")
                    jobs[case.row, number, compiler] = pool.submit(compare, case, compiler, folder, farms), folder
            cls.found = {key: (job.result(), folder) for key, (job, folder) in jobs.items()}
        builds = farms.end()
        cls.local = {mode: {} for mode in MODES}
        for mode, (_, commands) in builds.items():
            for entry in commands:
                cls.local[mode].setdefault(entry["cwd"], []).append(entry["reason"])

    def check_row(self, row):
        for (at, number, compiler), (differences, folder) in self.found.items():
            if at != row:
                continue
            case = table.CASES[number]
            for mode, difference in differences.items():
                with self.subTest(case.line, compiler=compiler, mode=mode):
                    self.assertEqual(difference, "")
                    cwd = os.path.realpath(os.path.join(folder, case.cwd)) if case.cwd != "link" else folder + "/sub"
                    reasons = [reason for reason in self.local[mode].get(os.path.normpath(cwd), []) if reason != FAILED_UNLISTED]
                    wanted = case.reason(mode)
                    self.assertEqual(len(reasons), 1 if wanted else 0, f"ran locally because: {reasons}")
                    self.assertIn(wanted, "".join(reasons))


def add_row(row):
    setattr(Table, f"test_row_{row:02}", lambda self: self.check_row(row))


for each in sorted({case.row for case in table.CASES}):
    add_row(each)


if __name__ == "__main__":
    unittest.main()
