"""Every C, C++ and Fortran compiler that this machine offers, without being told."""

import os
import re
import shutil
import unittest

from cases import FAILED_UNLISTED, Case, compare
from farms import Farms, plain_environment

NAME = re.compile(r"^([a-z0-9_]+-linux-[a-z0-9]+-)?(gcc|g\+\+|clang|clang\+\+|gfortran|cc|c\+\+|c99)(-[0-9]+)?$")
LINES = ("CC -O1 -g -c x.c -o sub/x.o -MD", "CC -Wall -S y.c", "CC -c absent.c")
INSTALLED = ("clang-14", "clang-15", "gcc-11", "aarch64-linux-gnu-gcc")  # by scripts/install-dependencies


def compilers():
    """One name for each name on the PATH that means a compiler, cross compilers too."""
    found = set()
    for folder in plain_environment()["PATH"].split(":"):
        found |= {name for name in os.listdir(folder)
                  if NAME.match(name) and os.access(os.path.join(folder, name), os.X_OK)}
    by_program = {}
    for name in sorted(found, key=lambda name: (len(name), name)):
        by_program.setdefault(os.path.realpath(shutil.which(name, path=plain_environment()["PATH"])), name)
    return sorted(by_program.values()) + sorted(set(INSTALLED) & found - set(by_program.values()))


class EveryCompiler(unittest.TestCase):
    def test_gives_its_own_bytes_on_a_worker(self):
        names = compilers()
        farms = Farms(names)
        differences = {}
        for name in names:
            for number, line in enumerate(LINES):
                folder = os.path.join(farms.top, "cases", f"{number}-{name}")
                differences[name, line] = compare(Case(0, line, (name,)), name, folder, farms)
        builds = farms.end()
        for (name, line), found in differences.items():
            for mode, difference in found.items():
                with self.subTest(compiler=name, line=line, mode=mode):
                    self.assertEqual(difference, "")
        for mode, (_, commands) in builds.items():
            here = [each for each in commands if "/cases/" in each["cwd"]]
            missing = [each for each in here if each["argv"][-1] == "absent.c" and each["reason"] == FAILED_UNLISTED]
            self.assertEqual([each for each in here if each not in missing], [], mode)
        self.assertEqual([name for name in INSTALLED if shutil.which(name) is None], [], "scripts/install-dependencies")


if __name__ == "__main__":
    unittest.main()
