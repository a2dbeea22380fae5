"""Small real projects of five build systems on three lab hosts: every file as in a plain build.

The larger ones are built by `scripts/real-build PROJECT --hosts 3`; doc/real-builds.md has their figures.
"""

import unittest

import hosts
from real_builds import compare, place_for, report
from real_projects import PROJECTS

# Why a command stays on the building host: it asks what the compiler or the machine can do.
QUESTIONS = {"it is a configure probe", "it names no input", "it only asks the compiler", "it only preprocesses (-E)"}


class RealBuilds(unittest.TestCase):
    # `farmed`: how many steps run on workers.
    def build(self, name, farmed):
        with place_for(3, slots=2) as place:
            done = compare(place, PROJECTS[name], jobs=6)
            said = "\n".join(report(name, place, done))
            print(said, flush=True)
            self.assertEqual((done.differing, done.by_itself), ([], []), said)
            actions = done.told["actions"]
            self.assertEqual((actions["on_workers"], actions["failed"]), (farmed, 0), said)
            self.assertEqual(sum(worker["actions"] for worker in done.told["workers"]), farmed, said)
            self.assertLessEqual({entry["reason"] for entry in done.told["local"]}, QUESTIONS, said)

    def test_cmake(self):
        self.build("googletest", 2)

    def test_meson(self):
        self.build("xorg-fb", 27)

    def test_node_gyp(self):
        self.build("bufferutil", 2)

    def test_meson_python(self):
        self.build("meson-python", 5)  # Meson names gcc-ar itself.

    def test_scikit_build(self):
        self.build("scikit-build", 3)


if __name__ == "__main__":
    hosts.main_or_say_why_not()
