"""numpy.distutils on the farm, by `extfarm verify`: Fortran modules in their order, libraries, templates, dispatch
objects, version maps, probes, and what a project's own Fortran and C++ compilers make of it."""

import os
import unittest

from farm import last_build
from one_machine import OneMachine

SETUP = """import os
import setuptools
from numpy.distutils.command.build_ext import build_ext as old_build_ext
from numpy.distutils.core import setup
from numpy.distutils.misc_util import Configuration


def generate(extension, build_dir):
    # A question to the compiler, as numpy's own set-up asks them.
    config = configuration.config.get_config_cmd()
    assert config.try_compile("int main(void) { return sizeof(long); }")
    assert not config.try_compile("no C at all")
    target = os.path.join(build_dir, "answers.h")
    os.makedirs(os.path.dirname(target), exist_ok=True)
    with open(target, "w") as out:
        out.write("#define ANSWER 42\\n")
    extension.include_dirs.append(os.path.dirname(target))
    return target


class build_ext(old_build_ext):
    def build_extension(self, extension):
        script = os.path.join(self.build_temp, "link-version-%s.map" % extension.name)
        with open(script, "w") as out:
            out.write("{global: PyInit_%s; local: *; };" % extension.name.split(".")[-1])
        extension.extra_link_args = list(extension.extra_link_args or []) + ["-Wl,--version-script=" + script]
        old_build_ext.build_extension(self, extension)


def configuration(parent_package="", top_path=None):
    config = Configuration("p", parent_package, top_path)
    configuration.config = config
    config.add_library("modules", sources=["m_one.f90", "m_two.f90", "plain.f"])
    config.add_library("careful", sources=["careful.f"], config_fc={"noopt": (__file__, 1)})
    config.add_library("mixed", sources=["c1.c", "c2.cpp"])
    config.add_extension("fortran", sources=["m_four.f90", "m_three.f90"], libraries=["modules"])
    config.add_extension("cext", sources=["cext.c", generate], libraries=["mixed"], define_macros=[("WHO", "1")])
    config.add_extension("twin", sources=["twin.c", "shared.c"], define_macros=[("WHO", "2")])
    config.add_extension("templ", sources=["templ.c.src", "shared.c"])
    config.add_extension("simd", sources=["simd.c", "sum.dispatch.c"])
    return config


setup(configuration=configuration, cmdclass={"build_ext": build_ext})
"""
MODULE = """#include <Python.h>
static struct PyModuleDef def = {PyModuleDef_HEAD_INIT, "NAME", 0, -1, 0};
PyMODINIT_FUNC PyInit_NAME(void) { BODY return PyModule_Create(&def); }
"""


def module(name, before="", body=""):
    return before + MODULE.replace("NAME", name).replace("BODY", body)


FILES = {
    "setup.py": SETUP,
    "m_one.f90": "module m_one\n  integer, parameter :: answer = 42\nend module\n",
    "m_two.f90": "module m_two\n  use m_one\n  integer, parameter :: twice = 2 * answer\nend module\n",
    "plain.f": "      subroutine plainf(x)\n      double precision x\n      x = x + 1\n      end\n",
    "careful.f": "      subroutine careful(x)\n      double precision x\n      x = x / 3\n      end\n",
    "m_four.f90": "module m_four\n  integer, parameter :: half = 21\nend module\n",
    "m_three.f90": "module m_three\ncontains\n  subroutine three(x)\n    use m_four\n    real(8), intent(out) :: x\n"
                   "    x = half\n  end subroutine\nend module\n",
    "c1.c": "int c1(void) { return 1; }\n",
    "c2.cpp": "#include <string>\nextern \"C\" int c2(void) { return static_cast<int>(std::string(2, 'x').size()); }\n",
    "cext.c": module("cext", "#include \"answers.h\"\nint c1(void), c2(void);\n", "if (c1() + c2() > ANSWER) return 0;"),
    "twin.c": module("twin", "int shared(void);\n", "if (shared() != 2) return 0;"),
    "shared.c": "#ifndef WHO\n#define WHO 3\n#endif\nint shared(void) { return WHO; }\n",
    "templ.c.src": "/**begin repeat\n * #name = a, b#\n */\nint f_@name@(void) { return 1; }\n/**end repeat**/\n"
                   + module("templ", "int shared(void);\n", "if (shared() != 3) return 0;"),
    "simd.c": module("simd"),
    "sum.dispatch.c": "/*@targets baseline avx2 */\n#ifdef NPY__CPU_TARGET_AVX2\nint sum_avx2(int a) { return a + 1; }\n"
                      "#else\nint sum_baseline(int a) { return a + 1; }\n#endif\n",
}


class NumpyProjects(OneMachine):
    def verify(self, *command):
        return self.verify_build("--rendezvous", self.path("none"), "-v", command=("/usr/bin/python3", "setup.py", *command))

    def test_every_kind_of_step_is_farmed_and_the_same(self):
        self.lay_out(FILES)
        done = self.verify("build", "--cpu-baseline=sse2", "--cpu-dispatch=avx2")
        self.assertEqual(done.returncode, 0, done.stdout[-3000:] + done.stderr[-3000:])
        self.assertRegex(done.stdout, r"unexplained +0\n")
        farmed = [line.split()[2] for line in done.stderr.splitlines() if line.startswith("[") and " compile " in line]
        names = sorted(os.path.basename(path) for path in farmed)
        for name in ("m_one.o", "m_two.o", "m_three.o", "m_four.o", "plain.o", "careful.o", "c1.o", "c2.o", "templ.o",
                     "sum.dispatch.o", "sum.dispatch.avx2.o"):
            self.assertIn(name, names)
        self.assertEqual(names.count("shared.o"), 2, "once for each set of macros")
        told = last_build(self.folder)
        self.assertGreaterEqual(told["farmed_share"], 0.95, told)
        self.assertGreaterEqual({entry["reason"]: entry["count"] for entry in told["local"]}.get("probe", 0), 2, told)
        self.assertNotIn("started by the build itself", [entry["reason"] for entry in told["local"]])
        self.assertEqual(self.imported(), "ok")

    def imported(self):
        folders = [name for name in os.listdir(os.path.join(self.folder, "build")) if name.startswith("lib")]
        place = os.path.join(self.folder, "build", folders[0])
        words = "import p.fortran, p.cext, p.twin, p.templ, p.simd; assert p.fortran.m_three.three() == 21; print('ok')"
        return self.run_command("/usr/bin/python3", "-c", f"import sys; sys.path.insert(0, {place!r}); " + words).stdout.strip()

    def test_a_compile_error_is_told_in_numpy_s_own_words(self):
        self.lay_out({**FILES, "twin.c": "#error this does not compile\n"})
        command = ("/usr/bin/python3", "setup.py", "build", "--disable-optimization")
        plain = self.run_command(*command)
        self.lay_out({**FILES, "twin.c": "#error this does not compile\n"})
        farmed = self.run_build("--rendezvous", self.path("none"), "-q", command=command)
        self.assertEqual((plain.returncode, farmed.returncode), (1, 1), farmed.stderr[-2000:])

        def last_error(done):
            return [line.replace("/extfarm/p.twin", "") for line in done.stderr.splitlines() if line.startswith("error: ")][-1]

        self.assertIn("failed with exit status 1", last_error(plain))
        self.assertEqual(last_error(farmed), last_error(plain))
        self.assertIn("this does not compile", farmed.stderr)


if __name__ == "__main__":
    unittest.main()
