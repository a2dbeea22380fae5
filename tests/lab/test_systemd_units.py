"""The units of scripts/systemd: systemd understands each line of them, and nothing in them takes a worker's namespaces."""

import configparser
import os
import shutil
import subprocess
import tempfile
import unittest

from farm import SOURCES, program

UNITS = os.path.join(SOURCES, "scripts", "systemd")
SYSTEM, USER = os.path.join(UNITS, "extfarm-worker.service"), os.path.join(UNITS, "user", "extfarm-worker.service")
# They cover parts of /proc or refuse namespaces; then no private view can be made.
FATAL_TO_VIEWS = {"RestrictNamespaces", "PrivateUsers", "ProtectProc", "ProcSubset", "ProtectKernelTunables", "ProtectKernelLogs",
                  "SystemCallFilter", "RootDirectory", "RootImage", "MountAPIVFS"}


def settings_of(path):
    parser = configparser.ConfigParser(delimiters="=", interpolation=None, strict=True)
    parser.optionxform = str
    with open(path, encoding="utf-8") as file:
        parser.read_file(file)
    return parser


class SystemdUnits(unittest.TestCase):
    def test_what_each_unit_must_and_must_not_say(self):
        for path in (SYSTEM, USER):
            service = settings_of(path)["Service"]
            self.assertEqual(set(service) & FATAL_TO_VIEWS, set(), path)
            self.assertEqual(service["KillMode"], "mixed", "TERM to a compile would fail it")
            self.assertIn("78", service["RestartPreventExitStatus"].split())
        self.assertNotEqual(settings_of(SYSTEM)["Service"]["User"], "root")
        self.assertNotIn("User", settings_of(USER)["Service"])
        self.assertEqual(settings_of(USER)["Install"]["WantedBy"], "default.target")

    def test_the_options_are_those_of_the_worker(self):
        described = subprocess.run([program("extfarm-worker"), "--help"], capture_output=True, text=True, check=True).stdout
        for path in (SYSTEM, USER):
            for word in settings_of(path)["Service"]["ExecStart"].split():
                if word.startswith("--"):
                    self.assertIn(word, described)

    @unittest.skipIf(shutil.which("systemd-analyze") is None, "systemd-analyze is not installed")
    def test_systemd_understands_them(self):
        for path, mode in ((SYSTEM, "--system"), (USER, "--user")):
            with tempfile.TemporaryDirectory() as folder:
                copy = os.path.join(folder, os.path.basename(path))
                with open(path, encoding="utf-8") as file, open(copy, "w", encoding="utf-8") as out:
                    out.write(file.read().replace("/opt/extfarm/bin/extfarm-worker", program("extfarm-worker")))
                done = subprocess.run(["systemd-analyze", mode, "verify", "--man=no", copy], capture_output=True, text=True,
                                      check=False, env={**os.environ, "XDG_RUNTIME_DIR": folder, "HOME": folder})
                said = [line for line in done.stderr.splitlines() if os.path.basename(path) in line]
                self.assertEqual(said, [], f"{mode}: {done.stderr}")


if __name__ == "__main__":
    unittest.main(verbosity=2)
