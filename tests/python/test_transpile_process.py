"""The process that runs one transpile: what it loads for that, by the list of files it read.

Knows the request that it takes on standard input.
"""

import base64
import os
import pickle
import subprocess
import sys
import tempfile
import unittest

TRANSPILE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "python", "extfarm", "transpile.py")

_HOOK = """
import sys

def look():
    from Cython.Build import build_ext, cythonize
    import Cython.Build
    assert cythonize is Cython.Build.Dependencies.cythonize
    assert sys.modules["Cython.Build"] is Cython.Build
    assert isinstance(build_ext, type) and not hasattr(Cython.Build, "nothing")
    print("it has", file=sys.stderr)

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "Cython.Compiler.Parsing":  # Needed for the first source: Cython.Build.Dependencies is there.
            sys.meta_path.remove(self)
            look()

sys.meta_path.insert(0, Finder())
"""


class TranspileProcess(unittest.TestCase):
    def run_one(self, folder, first="/nowhere", **variables):
        with open(os.path.join(folder, "x.pyx"), "w", encoding="utf-8") as out:
            out.write("y = 1\n")
        request = {"cwd": folder, "path": [first, folder, *(path for path in sys.path if os.path.isabs(path))],
                   "recursion_limit": 1000, "options": {}, "compilation": None, "function": "cythonize_one",
                   "before": ("x.pyx", "x.c", None, True), "after": (True,), "named": {}}
        done = subprocess.run([sys.executable, TRANSPILE], input=base64.b64encode(pickle.dumps(request)), check=False,
                              env={**os.environ, "EXTFARM_DEPFILE": os.path.join(folder, "read"), **variables},
                              capture_output=True)
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        with open(os.path.join(folder, "x.c"), encoding="utf-8") as made:
            self.assertIn("PyInit_x", made.read())
        with open(os.path.join(folder, "read"), encoding="utf-8") as read:
            return done.stderr.decode(), [line for line in read.read().splitlines() if not line.startswith("!")]

    @unittest.skipIf(sys.version_info >= (3, 12), "setuptools has the only distutils there")
    def test_setuptools_is_not_loaded(self):
        with tempfile.TemporaryDirectory() as folder:
            _, read = self.run_one(folder)
        self.assertTrue([path for path in read if "/Cython/Build/" in path], read)
        self.assertEqual([path for path in read if "/setuptools/" in path or "/pkg_resources/" in path], [])

    @unittest.skipIf(sys.version_info >= (3, 12), "setuptools has the only distutils there")
    def test_where_setuptools_has_the_only_distutils_it_is_loaded(self):
        with tempfile.TemporaryDirectory() as folder:
            # As Debian has it without python3-distutils: the package, but hardly a module in it.
            os.makedirs(os.path.join(folder, "first", "distutils"))
            with open(os.path.join(folder, "first", "distutils", "__init__.py"), "w", encoding="utf-8"):
                pass
            _, read = self.run_one(folder, first=os.path.join(folder, "first"))
        self.assertTrue([path for path in read if "/setuptools/_distutils/" in path], read)

    def test_nothing_of_building_is_loaded(self):
        with tempfile.TemporaryDirectory() as folder:
            _, read = self.run_one(folder)
        self.assertTrue([path for path in read if path.endswith("/Cython/Build/Dependencies.py")], read)
        self.assertEqual([path for path in read if "build_ext" in path], [])

    def test_but_who_asks_for_it_has_it(self):
        """As a hook of a project does, beside what it transpiles."""
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, "sitecustomize.py"), "w", encoding="utf-8") as hook:
                hook.write(_HOOK)
            said, read = self.run_one(folder, first=folder, PYTHONPATH=folder)
        self.assertIn("it has\n", said)
        self.assertTrue([path for path in read if "build_ext" in path], read)

    def test_that_distutils_is_deprecated_is_no_matter(self):
        with tempfile.TemporaryDirectory() as folder:
            said, _ = self.run_one(folder, PYTHONWARNINGS="error:The distutils package is deprecated")
        self.assertNotIn("distutils", said)


if __name__ == "__main__":
    unittest.main()
