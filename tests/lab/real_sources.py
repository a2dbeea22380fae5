"""Where the sources of a real project come from: Debian's packages, npm's, or files written down in the tests.

Knows how to lay sources out in a folder; nothing of builds.
"""

import dataclasses
import glob
import os
import shutil
import subprocess
import tempfile


class Missing(Exception):
    """What is not on this machine, and what to do about it."""


def _unpack(archive, folder, leave_out=()):
    """An archive whose files lie in one folder, laid out as `folder`."""
    os.makedirs(folder)
    without = [f"--exclude={name}" for name in leave_out]
    subprocess.run(["tar", "-xf", archive, "-C", folder, "--strip-components=1", "--no-same-owner", *without], check=True)


@dataclasses.dataclass(frozen=True)
class Packaged:
    """A folder or an archive of a Debian package."""
    package: str
    path: str
    leave_out: tuple = ()  # patterns of tar's --exclude

    def lay_out(self, folder):
        found = sorted(glob.glob(self.path))
        if not found:
            raise Missing(f"{self.path} is not there: apt-get install {self.package}")
        if os.path.isdir(found[-1]):
            shutil.copytree(found[-1], folder, symlinks=True)
        else:
            _unpack(found[-1], folder, self.leave_out)


@dataclasses.dataclass(frozen=True)
class Npm:
    """A package of npm, fetched by `npm pack`: none of its scripts runs."""
    package: str
    version: str

    def lay_out(self, folder):
        if shutil.which("npm") is None:
            raise Missing("npm is not installed: scripts/install-dependencies")
        with tempfile.TemporaryDirectory(prefix="extfarm-npm-") as top:
            done = subprocess.run(["npm", "pack", "--prefer-offline", f"{self.package}@{self.version}"], cwd=top,
                                  stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
            archives = glob.glob(os.path.join(top, "*.tgz"))
            if done.returncode != 0 or len(archives) != 1:
                raise Missing(f"npm pack {self.package}@{self.version} ended with {done.returncode}; the test needs npm's "
                              f"registry or its cache:\n{done.stderr[-2000:]}")
            _unpack(archives[0], folder)


@dataclasses.dataclass(frozen=True)
class Written:
    """Files by relative path."""
    files: dict

    def lay_out(self, folder):
        for name, text in self.files.items():
            path = os.path.join(folder, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as out:
                out.write(text)
