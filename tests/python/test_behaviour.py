"""What a user sees when things go wrong, and what runs when.

Knows the protocol through front_door.py and setup.py's exit codes.  Refuses
to look inside the package under test.
"""

import os
import stat
import unittest

from front_door import FrontDoor
from project import Project, c_module

SETUP = """from setuptools import setup, Extension
import sys
setup(name="p", version="0", packages=[], ext_modules=[{extensions}])
"""
CYTHON_SETUP = """from setuptools import setup, Extension
from Cython.Build import cythonize
setup(name="p", version="0", packages=[], ext_modules=cythonize(["*.pyx"], language_level=3))
"""
GONE = "building locally"


def setup(*extensions):
    return SETUP.format(extensions=", ".join(extensions))


class Case(unittest.TestCase):
    def project(self, files):
        project = Project(files)
        self.addCleanup(project.close)
        return project

    def two(self):
        return self.project({"setup.py": setup("Extension('one', ['one.c'])", "Extension('two', ['two.c'])"),
                             "one.c": c_module("one"), "two.c": c_module("two")})


class Failures(Case):
    def compare_failure(self, project, words):
        plain = project.run(plugin=False)
        project.reset()
        with FrontDoor() as door:
            farmed = project.run(socket=door.path)
        self.assertNotEqual(plain.returncode, 0)
        self.assertEqual(farmed.returncode, plain.returncode)
        self.assertEqual((farmed.stdout + farmed.stderr).count(words), 1, farmed.stdout + farmed.stderr)
        self.assertEqual(farmed.stderr.splitlines()[-1], plain.stderr.splitlines()[-1])
        return plain, farmed

    def test_a_compile_error_reads_as_without_the_farm(self):
        project = self.project({"setup.py": setup("Extension('bad', ['bad.c'])"), "bad.c": "int x = nothing;\n"})
        _, farmed = self.compare_failure(project, "undeclared here")
        self.assertRegex(farmed.stderr, r"error: [cC]ommand .* exit (code|status) 1")

    def test_a_link_error_reads_as_without_the_farm(self):
        project = self.project({"setup.py": setup("Extension('one', ['one.c'], libraries=['doesnotexist'])"),
                                "one.c": c_module("one")})
        self.compare_failure(project, "cannot find -ldoesnotexist")

    def test_a_missing_compiler_reads_as_without_the_farm(self):
        project = self.two()
        plain = project.run(plugin=False, CC="/nonexistent/cc")
        project.reset()
        with FrontDoor(lambda action, door: {"result": "run_locally", "reason": "no such driver"}) as door:
            farmed = project.run(socket=door.path, CC="/nonexistent/cc")
        self.assertEqual((farmed.returncode, farmed.stderr.splitlines()[-1]),
                         (plain.returncode, plain.stderr.splitlines()[-1]))

    def test_a_cython_error_is_the_same_exception(self):
        project = self.project({"setup.py": CYTHON_SETUP, "bad.pyx": "def f(:\n", "good.pyx": "x = 1\n"})
        _, farmed = self.compare_failure(project, "bad.pyx:1:6: Expected")
        self.assertEqual(farmed.stderr.splitlines()[-1], "Cython.Compiler.Errors.CompileError: bad.pyx")

    def test_an_optional_extension_may_fail(self):
        project = self.project({"setup.py": setup("Extension('bad', ['bad.c'], optional=True)",
                                                  "Extension('one', ['one.c'])"),
                                "bad.c": "int x = nothing;\n", "one.c": c_module("one")})
        with FrontDoor() as door:
            farmed = project.run(socket=door.path)
        self.assertEqual(farmed.returncode, 0, farmed.stderr)
        self.assertIn('building extension "bad" failed', farmed.stdout + farmed.stderr)
        self.assertEqual(project.evaluate("one.value", "one"), "1")

    def test_the_first_failing_extension_is_the_one_reported(self):
        def slow_first(action, door):
            if action["group"] == "first" and action["kind"] == "compile":
                door.wait_until(lambda: any(a["group"] == "second" for w, k, a in door.events if w == "answer"))
            return None

        project = self.project({"setup.py": setup("Extension('first', ['a.c'], libraries=['doesnotexist'])",
                                                  "Extension('second', ['b.c'])"),
                                "a.c": c_module("first"), "b.c": "int x = nothing;\n"})
        with FrontDoor(slow_first) as door:
            farmed = project.run(socket=door.path)
        self.assertEqual(farmed.returncode, 1)
        self.assertIn("cannot find -ldoesnotexist", farmed.stderr)


class WithoutCoordinator(Case):
    def test_a_bad_socket_costs_one_warning(self):
        project = self.two()
        done = project.run(socket="/nonexistent/door")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stderr.count("extfarm:"), 1)
        self.assertIn(GONE, done.stderr)
        self.assertEqual(project.evaluate("one.value, two.value", "one", "two"), "(1, 1)")

    def test_disabled_it_does_not_even_connect(self):
        with FrontDoor() as door:
            done = self.two().run(socket=door.path, EXTFARM_DISABLE="1")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual((door.hellos, done.stderr.count("extfarm")), ([], 0))

    def test_a_coordinator_that_dies_in_mid_build(self):
        project = self.project({"setup.py": CYTHON_SETUP, "a.pyx": "x = 1\n", "b.pyx": "x = 2\n"})
        with FrontDoor(lambda action, door: "hang up" if action["kind"] == "compile" else None) as door:
            done = project.run(socket=door.path)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stderr.count("extfarm: lost the coordinator"), 1)
        self.assertEqual(project.evaluate("a.x, b.x", "a", "b"), "(1, 2)")

    def test_a_coordinator_that_dies_under_a_transpile(self):
        project = self.project({"setup.py": CYTHON_SETUP, "a.pyx": "x = 1\n", "b.pyx": "x = 2\n"})
        with FrontDoor(lambda action, door: "hang up") as door:
            done = project.run(socket=door.path)
        self.assertEqual((done.returncode, done.stderr.count("extfarm: lost the coordinator")), (0, 1), done.stderr)
        self.assertEqual(project.evaluate("a.x, b.x", "a", "b"), "(1, 2)")

    def test_without_a_variable_nothing_of_distutils_differs(self):
        script = """
import sys
from setuptools import Distribution
from setuptools.command.build_ext import build_ext
import distutils.ccompiler, distutils.unixccompiler, Cython.Build.Dependencies as d
KINDS = (distutils.ccompiler.CCompiler, distutils.unixccompiler.UnixCCompiler, build_ext, *build_ext.__mro__,
         Distribution)
snapshot = [dict(vars(kind)) for kind in KINDS]
dist = Distribution({"name": "p", "ext_modules": []})
dist.finalize_options()
command = dist.get_command_obj("build_ext")
print(type(command) is build_ext, "get_command_class" in vars(dist), d.cythonize.__module__,
      hasattr(d.cythonize, "extfarm_original"), snapshot == [dict(vars(kind)) for kind in KINDS])
"""
        project = self.project({"look.py": script})
        done = project.run("look.py")
        self.assertEqual(done.stdout.strip(), "True False Cython.Build.Dependencies False True", done.stderr)
        with FrontDoor() as door:
            self.assertEqual(project.run("look.py", socket=door.path).stdout.strip(),
                             "False True Cython.Build.Dependencies True True")


class SharedSource(Case):
    FILES = {"setup.py": setup(*(f"Extension('{name}', ['mod.c'], define_macros=[('VALUE', '{value}'), "
                                 f"('INIT', 'PyInit_{name}')])" for name, value in (("one", 1), ("two", 2)))),
             "mod.c": c_module("mod").replace("PyInit_mod", "INIT")}

    def test_one_source_with_two_definitions_comes_out_right(self):
        def compiles_meet(action, door):
            if action["kind"] == "compile":  # Both objects are asked for before either is made.
                self.assertTrue(door.wait_until(lambda: door.kinds("submit").count("compile") == 2))
            if action["kind"] == "link":  # Both are made before either is linked.
                self.assertTrue(door.wait_until(lambda: door.kinds("submit").count("link") == 2))
            return None

        project = self.project(self.FILES)
        with FrontDoor(compiles_meet) as door:
            done = project.run(socket=door.path)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(project.evaluate("one.value, two.value", "one", "two"), "(1, 2)")

    def test_threads_over_one_folder_get_it_wrong(self):
        # Why private folders exist.  The compiler waits at its link until both objects were written.
        wrapper = """#!/bin/sh
case "$*" in
*-shared*) while [ ! -e first.done ] || [ ! -e second.done ]; do :; done; exec gcc "$@" ;;
*-DVALUE=1*) gcc "$@"; touch first.done ;;
*) while [ ! -e first.done ]; do :; done; gcc "$@"; touch second.done ;;
esac
"""
        project = self.project(dict(self.FILES, cc=wrapper))
        path = os.path.join(project.folder, "cc")
        os.chmod(path, os.stat(path).st_mode | stat.S_IXUSR)
        done = project.run("setup.py", "build_ext", "--inplace", "--parallel", "2", plugin=False, CC=path,
                           LDSHARED=path + " -shared")
        self.assertEqual(done.returncode, 0, done.stderr)
        symbols = project.outputs(".so")
        first = [content for name, content in symbols.items() if name.startswith("one")][0]
        self.assertNotIn(b"PyInit_one", first)


class Order(Case):
    def test_a_compile_is_submitted_while_a_transpile_still_runs(self):
        def hold_b(action, door):
            if action["kind"] == "cythonize" and action["group"] == "b":
                self.met = door.wait_until(lambda: "compile" in door.kinds("submit"))
            return None

        project = self.project({"setup.py": CYTHON_SETUP, "a.pyx": "x = 1\n", "b.pyx": "x = 2\n"})
        with FrontDoor(hold_b) as door:
            done = project.run(socket=door.path)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue(self.met)

    def test_a_transpile_is_the_same_action_whatever_other_modules_there_are(self):
        project = self.project({"setup.py": CYTHON_SETUP, "a.pyx": "x = 1\n", "c.pyx": "x = 2\n"})
        requests = []
        for _ in range(2):
            with FrontDoor() as door:
                done = project.run(socket=door.path)
            self.assertEqual(done.returncode, 0, done.stderr)
            requests.append({action["group"]: action["stdin"] for action in door.actions
                             if action["kind"] == "cythonize"})
            with open(os.path.join(project.folder, "b.pyx"), "w", encoding="utf-8") as out:
                out.write("from a cimport *\n")
            with open(os.path.join(project.folder, "a.pxd"), "w", encoding="utf-8") as out:
                out.write("cdef int y\n")
        self.assertEqual(sorted(requests[1]), ["a", "b", "c"])
        for name in ("a", "c"):
            self.assertEqual(requests[0][name], requests[1][name], name)

    def test_without_a_build_command_cythonize_waits(self):
        body = CYTHON_SETUP.replace("setup(name", "made = cythonize(['*.pyx'], language_level=3)\n"
                                    "print('length', len(open('a.c').read()) > 1000)\nsetup(name")
        project = self.project({"setup.py": body, "a.pyx": "x = 1\n"})
        with FrontDoor() as door:
            done = project.run("setup.py", "--version", socket=door.path)
        self.assertEqual((done.returncode, "length True" in done.stdout), (0, True), done.stderr)

    def test_a_setup_script_that_looks_at_what_cython_made_sees_it(self):
        # As lxml's does with the headers, others with the .c file.
        body = CYTHON_SETUP.replace("setup(name", "made = cythonize(['*.pyx'], language_level=3)\n"
                                    "import os\nprint('header', os.path.exists('api_api.h'))\n"
                                    "print('first line', open('plain.c').readline()[:20])\nsetup(name")
        body = body.replace('ext_modules=cythonize(["*.pyx"], language_level=3)', "ext_modules=made")
        project = self.project({"setup.py": body, "plain.pyx": "cdef class K:\n    cdef public int x\n",
                                "api.pyx": "cdef api int seven():\n    return 7\n"})
        with FrontDoor() as door:
            done = project.run(socket=door.path)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout.count("Cythonizing"), 2)
        for seen in ("header True\n", "first line /* Generated by Cyth\n"):
            self.assertIn(seen, done.stdout)

    def test_transpiles_that_nobody_asks_for_are_awaited_at_exit(self):
        files = {"setup.py": "from Cython.Build import cythonize\ncythonize(['*.pyx'], language_level=3)\n",
                 "a.pyx": "x = 1\n"}
        project = self.project(files)
        with FrontDoor() as door:
            done = project.run("setup.py", "build_ext", socket=door.path)
        self.assertEqual((done.returncode, list(project.outputs(".c"))), (0, ["a.c"]), done.stderr)
        project = self.project(dict(files, **{"a.pyx": "def f(:\n"}))
        with FrontDoor() as door:
            done = project.run("setup.py", "build_ext", socket=door.path)
        self.assertEqual((done.returncode, done.stderr.count("Cython.Compiler.Errors.CompileError: a.pyx")), (1, 1))

    def test_an_extension_waits_for_the_one_it_links(self):
        extensions = setup("Extension('libbase', ['base.c'])",
                           "Extension('user', ['user.c'], depends=['libbase' + __import__('sysconfig')"
                           ".get_config_var('EXT_SUFFIX')], extra_objects=[BASE])").replace(
            "import sys", "import sysconfig\nBASE = 'build/lib.' + sysconfig.get_platform() + '-cpython-' "
            "+ ''.join(sysconfig.get_python_version().split('.')) + '/libbase' + "
            "sysconfig.get_config_var('EXT_SUFFIX')").replace(
            "depends=['libbase' + __import__('sysconfig').get_config_var('EXT_SUFFIX')], ", "")
        project = self.project({"setup.py": extensions, "base.c": c_module("libbase") + "int base = 1;\n",
                                "user.c": c_module("user") + "extern int base; int *use = &base;\n"})
        with FrontDoor() as door:
            done = project.run("setup.py", "build_ext", socket=door.path)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        events = [(what, action["group"]) for what, _, action in door.events if what != "local"]
        self.assertLess(max(i for i, e in enumerate(events) if e == ("answer", "libbase")),
                        min(i for i, e in enumerate(events) if e == ("submit", "user")))

    def test_a_compile_waits_for_the_transpile_that_makes_its_header(self):
        def hold(action, door):
            if action["kind"] == "cythonize" and action["group"] == "api":
                # Long enough that "user" would fail: its own transpile has been answered by then.
                door.wait_until(lambda: any(w == "answer" and a["group"] == "user" for w, _, a in door.events))
            return None

        project = self.project({
            "setup.py": CYTHON_SETUP, "api.pyx": "cdef api int seven():\n    return 7\n",
            "user.pyx": "cdef extern from \"api_api.h\":\n    int import_api() except -1\n    int seven()\n"
                        "import_api()\nx = seven()\n"})
        with FrontDoor(hold) as door:
            done = project.run(socket=door.path)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(project.evaluate("user.x", "user"), "7")

    def test_probes_run_here_and_are_counted(self):
        body = setup("Extension('one', ['one.c'])").replace("setup(name", """
from setuptools.command.build_ext import build_ext
class probing(build_ext):
    def build_extension(self, ext):
        self.compiler.compile(['conftest.c'])
        super().build_extension(ext)
setup(cmdclass={'build_ext': probing}, name""")
        project = self.project({"setup.py": body, "one.c": c_module("one"), "conftest.c": "int x;\n"})
        with FrontDoor() as door:
            done = project.run(socket=door.path)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual([reason for what, _, reason in door.events if what == "local"], ["probe"])
        self.assertEqual(sorted(door.kinds("submit")), ["compile", "link"])


class Protocol(Case):
    def test_the_driver_is_absolute_and_the_paths_are(self):
        project = self.two()
        with FrontDoor() as door:
            project.run(socket=door.path)
        self.assertEqual(len(door.actions), 4)
        for action in door.actions:
            self.assertTrue(os.path.isabs(action["toolchain"]["driver"]) and os.path.exists(
                action["toolchain"]["driver"]))
            self.assertTrue(all(map(os.path.isabs, action["inputs"] + action["outputs"])))
            self.assertTrue(action["inputs"] and len(action["outputs"]) == 1)
        self.assertEqual({action["group"] for action in door.actions}, {"one", "two"})
        self.assertRegex(door.hellos[0]["client"], r"^setuptools \d")


if __name__ == "__main__":
    unittest.main()
