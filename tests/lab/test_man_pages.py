"""The manual pages as they were made: well formed, and each option that --help lists is on the page of its command."""

import glob
import os
import re
import subprocess
import unittest

from described import SHARE, commands, options

PAGES = sorted(glob.glob(os.path.join(SHARE, "man", "*.1")))
WITH_A_PAGE = {"run", "build", "verify"}


def page(name):
    return os.path.join(SHARE, "man", name + ".1")


def shown(path):
    """As a reader sees it, in one line."""
    text = subprocess.run(["mandoc", "-Tutf8", "-Owidth=1000", path], capture_output=True, text=True, check=True).stdout
    return re.sub(r".\x08", "", text)


class ManPages(unittest.TestCase):
    def test_there_is_one_for_each_program(self):
        names = {os.path.basename(path) for path in PAGES}
        self.assertEqual(names, {"extfarm.1", "extfarm-worker.1", "extfarm-cc.1"} | {f"extfarm-{name}.1" for name in WITH_A_PAGE})

    def test_nothing_is_wrong_with_them(self):
        for path in PAGES:
            done = subprocess.run(["mandoc", "-Tlint", "-Wwarning", path], capture_output=True, text=True, check=False)
            self.assertEqual((done.returncode, done.stdout), (0, ""))
            with open(path, encoding="utf-8") as file:
                self.assertNotRegex(file.read(), r"@[A-Z]", path)

    def test_every_option_is_on_its_page(self):
        pages = {"extfarm": shown(page("extfarm"))}
        for command in commands():
            if command not in WITH_A_PAGE:
                section = pages["extfarm"].split(f"   extfarm {command}")[1].split("\n   extfarm ")[0]
            else:
                section = shown(page("extfarm-" + command))
            self.assert_has(options("extfarm", command), section, command)
        slurm = pages["extfarm"].split("   extfarm workers slurm")[1].split("\n   extfarm ")[0]
        self.assert_has(options("extfarm", "workers", "slurm"), slurm, "workers slurm")
        self.assert_has(options("extfarm"), pages["extfarm"].split("\nOPTIONS")[1], "extfarm")
        self.assert_has(options("extfarm-worker"), shown(page("extfarm-worker")), "extfarm-worker")

    def assert_has(self, names, section, where):
        for name in names:
            self.assertRegex(section, r"(?m)^ +(\S+, )?" + re.escape(name) + r"(,| |$)", where)

    def test_defaults_are_the_readers_own(self):
        self.assertIn("Default: ~/.extfarm/workers.", shown(page("extfarm-worker")))


if __name__ == "__main__":
    unittest.main(verbosity=2)
