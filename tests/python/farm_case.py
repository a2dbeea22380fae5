"""Builds a project plainly and on the real farm, in the same path, and compares every file.

Knows what the two builds may differ in: extfarm's own folders, and the time
stamps inside of archives.  A case is a few lines: its files, and how many
actions have to have run on a worker.
"""

import io
import os
import unittest
import zipfile

from project import BUILD, Project

# A private folder for each of the extensions that share a source, and the coordinator's state.
_OWN = (os.sep + "extfarm" + os.sep, ".extfarm" + os.sep)


def tree(folder):
    """Every file below a folder that a build may leave, by relative path; a wheel is what it holds."""
    found = {}
    for where, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(where, name)
            relative = os.path.relpath(path, folder)
            if not any(own in relative for own in _OWN):
                with open(path, "rb") as file:
                    found[relative] = _members(file.read()) if name.endswith(".whl") else file.read()
    return found


def _members(archive):
    with zipfile.ZipFile(io.BytesIO(archive)) as wheel:
        return {name: wheel.read(name) for name in wheel.namelist()}


class FarmCase(unittest.TestCase):
    maxDiff = 4000

    def same_bytes(self, files, on_workers, *, commands=(BUILD,), local=0, shows=None, **variables):
        """Runs the commands plainly, then on the farm; every file has to be the same.

        In a command, FOLDER is the project's folder.  `on_workers` and `local` are how many actions of the
        last command ran where.  `shows` is (expression, its value as text, the modules it needs).  Returns
        the project as the farm left it.
        """
        project = Project(files)
        self.addCleanup(project.close)
        commands = [[word.replace("FOLDER", project.folder) for word in command] for command in commands]
        for command in commands:
            plain = project.run(*command, plugin=False, **variables)
            self.assertEqual(plain.returncode, 0, plain.stdout + plain.stderr)
        expected = tree(project.folder)
        self.assertTrue(set(expected) - set(files), "the plain build made nothing")
        project.reset()
        for command in commands:
            farmed = project.run_on_farm(*command, **variables)
            self.assertEqual(farmed.returncode, 0, farmed.stdout + farmed.stderr)
        self.compare(tree(project.folder), expected)
        self.assertEqual(project.where_it_ran(), (on_workers, local), farmed.stdout + farmed.stderr)
        if shows is not None:
            expression, value, modules = shows
            self.assertEqual(project.evaluate(expression, *modules), value)
        return project

    def compare(self, made, expected):
        self.assertEqual(sorted(made), sorted(expected))
        self.assertEqual([name for name in expected if made[name] != expected[name]], [])
