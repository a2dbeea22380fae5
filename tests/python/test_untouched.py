"""No attribute of distutils or setuptools differs because extfarm is installed, nor after a build on the farm.

Knows every module of both by walking them.  Refuses to look inside the package
under test.
"""

import json
import unittest

from front_door import FrontDoor
from project import Project, c_module, setup_py

# Prints what every module and class of distutils and setuptools has, so that two processes can be compared.
# `kept` holds on to each object that was there at first, so that the same id means the same object.
SNAPSHOT = """
import importlib, inspect, json, pkgutil, sys, types
import setuptools, distutils

def load():
    for package in (setuptools, distutils):
        for found in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
            if not any(part in found.name for part in ("_vendor", "extern", "tests", "msvc", "windows", "script")):
                try:
                    importlib.import_module(found.name)
                except ImportError:
                    pass  # What is for another system.

def place(value):
    code = getattr(value, "__code__", None)
    if code is not None:
        return f"{value.__module__}.{value.__qualname__} {code.co_filename}:{code.co_firstlineno}"
    if isinstance(value, (type, types.ModuleType)):
        return f"{getattr(value, '__module__', '')} {value.__name__}"
    return type(value).__name__

def ours(name):
    return name.split(".")[0] in ("setuptools", "distutils", "_distutils_hack")

def snapshot(describe):
    found = {}
    for name, module in sorted(sys.modules.items()):
        if not ours(name) or module is None:
            continue
        for attribute, value in vars(module).items():
            found[f"{name}.{attribute}"] = describe(value)
            if isinstance(value, type) and ours(value.__module__):
                for member, inner in vars(value).items():
                    found[f"{name}.{attribute}.{member}"] = describe(getattr(inner, "__func__", inner))
    return found
"""
LOOK = SNAPSHOT + """
load()
print(json.dumps(snapshot(place)))
"""
BUILD_AND_LOOK = SNAPSHOT + """
import distutils.ccompiler, distutils.unixccompiler, distutils.spawn, distutils.sysconfig, distutils.core
from setuptools.command import build, build_clib, build_ext, build_py
kept = []
def identity(value):
    if isinstance(value, (type, types.ModuleType)) or callable(value) or inspect.isdatadescriptor(value):
        kept.append(value)
        return id(value)
    return place(value)
from setuptools import setup, Extension
before = snapshot(identity)
dist = setup(name="p", version="1", packages=[], ext_modules=[Extension("one", ["one.c"]), Extension("two", ["two.c"])],
             script_args=["-q", "build_ext", "--inplace"])
after = snapshot(identity)
changed = [name for name in before if after.get(name) != before[name]]
print(json.dumps({"seen": len(before), "changed": changed, "new": sorted(set(after) - set(before)),
                  "fitted": [name for name in vars(dist) if "extfarm" in name]}))
"""


class Untouched(unittest.TestCase):
    def look(self, script, **named):
        project = Project({"look.py": script, "setup.py": setup_py(), "one.c": c_module("one"), "two.c": c_module("two")})
        self.addCleanup(project.close)
        done = project.run("look.py", **named)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout.splitlines()[-1])

    def test_installed_but_not_asked_for_no_attribute_differs(self):
        without, installed = self.look(LOOK, plugin=False), self.look(LOOK)
        self.assertGreater(len(without), 1500)
        self.assertEqual([name for name in {**without, **installed} if without.get(name) != installed.get(name)], [])

    def test_after_a_build_on_the_farm_every_attribute_is_the_one_it_was(self):
        with FrontDoor() as door:
            found = self.look(BUILD_AND_LOOK, socket=door.path)
            self.assertEqual(sorted(door.kinds("submit")), ["compile"] * 2 + ["link"] * 2)
        self.assertGreater(found["seen"], 500)
        self.assertNotEqual(found["fitted"], [])
        plain = self.look(BUILD_AND_LOOK, plugin=False)
        self.assertEqual((found["changed"], found["new"]), (plain["changed"], plain["new"]))


if __name__ == "__main__":
    unittest.main()
