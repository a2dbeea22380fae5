"""pip and build under `extfarm run`: the backend is reached, isolated or not, and the wheels hold the same bytes.

Serves the isolated environments from Debian's /usr/share/python-wheels, since
no index is asked.  Refuses to look inside the package under test.
"""

import glob
import os
import subprocess
import sys
import tempfile
import unittest

from farm_case import FarmCase, tree
from project import Project, c_module, extfarm, setup_py

WHEELS = os.environ.get("EXTFARM_TEST_WHEELS", "/usr/share/python-wheels")
OFFLINE = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": WHEELS, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_CACHE_DIR": "1"}
PYPROJECT = """[build-system]
requires = ["setuptools", "wheel"]
build-backend = "setuptools.build_meta"
[project]
name = "p"
version = "1"
"""
FILES = {"pyproject.toml": PYPROJECT, "setup.py": setup_py("Extension('one', ['one.c'])", "Extension('two', ['two.c'])"),
         "one.c": c_module("one"), "two.c": c_module("two")}
# Two projects at once, each in a pip of its own.
AT_ONCE = """import subprocess, sys
builds = [subprocess.Popen([sys.executable, "-m", "pip", "wheel", "./" + name, "--no-build-isolation", "--no-deps",
                            "-w", "wheels"]) for name in ("p1", "p2")]
sys.exit(max(build.wait() for build in builds))
"""


def pip_wheel(*options):
    return ("-m", "pip", "wheel", ".", "--no-deps", "-w", "dist", *options)


class Pep517(FarmCase):
    def same(self, *command):
        return self.same_bytes(FILES, 4, commands=[command], **OFFLINE)

    def test_pip_wheel_without_isolation(self):
        self.same(*pip_wheel("--no-build-isolation"))

    def test_pip_wheel_with_isolation(self):
        self.same(*pip_wheel())

    def test_build_with_isolation(self):
        self.same("-m", "build", "--wheel")

    def test_build_of_an_archive_and_a_wheel_from_it(self):
        project = Project(FILES)
        self.addCleanup(project.close)
        done = project.run_on_farm("-m", "build", **OFFLINE)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(project.where_it_ran(), (4, 0), done.stderr)
        (wheel,) = glob.glob(os.path.join(project.folder, "dist", "*.whl"))
        self.assertEqual(project.execute([sys.executable, "-c", "import one, two"], PYTHONPATH=self.unpacked(wheel))
                         .returncode, 0)

    def unpacked(self, wheel):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        subprocess.run([sys.executable, "-m", "zipfile", "-e", wheel, folder.name], check=True)
        return folder.name

    def test_an_editable_installation(self):
        made = []
        for prefix in ([], [extfarm(), "run", "--"]):
            project = self.project if made else Project(FILES)
            self.project = project
            self.addCleanup(project.close)
            project.reset()
            environment = os.path.join(project.home, "venv")
            subprocess.run([sys.executable, "-m", "venv", "--clear", "--system-site-packages", "--without-pip",
                            environment], check=True)
            python = os.path.join(environment, "bin", "python")
            done = project.execute([*prefix, python, "-m", "pip", "install", "--no-build-isolation", "-e", "."],
                                   plugin=False, **OFFLINE)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            made.append(tree(project.folder))
            seen = subprocess.run([python, "-c", "import one, two; print(one.__file__, two.value)"], cwd="/",
                                  env=project.environment(plugin=False), text=True, capture_output=True, check=True)
            self.assertEqual((os.path.dirname(seen.stdout.split()[0]), seen.stdout.split()[1]), (project.folder, "1"))
        self.compare(made[1], made[0])
        self.assertEqual(project.where_it_ran(), (4, 0), done.stderr)

    def test_two_pips_at_once_share_one_coordinator(self):
        files = {f"{name}/{path}": text.replace('"p"', f'"{name}"')
                 for name in ("p1", "p2") for path, text in FILES.items()}
        project = Project(dict(files, **{"both.py": AT_ONCE}))
        self.addCleanup(project.close)
        done = project.run_on_farm("both.py", **OFFLINE)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(len(glob.glob(os.path.join(project.folder, "wheels", "*.whl"))), 2)
        self.assertEqual(project.where_it_ran(), (8, 0), done.stderr)
        self.assertEqual(len(project.last_build()["workers"]), 1)
        self.assertEqual(glob.glob(os.path.join(project.folder, "p*", ".extfarm")), [])


if __name__ == "__main__":
    unittest.main()
