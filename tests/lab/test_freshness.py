"""C: what runs again after each kind of change, why, and that its bytes are those of a build from nothing."""

import os
import shutil
import subprocess
import unittest

from farm import program
from rebuilds import FRESH, STILL, Rebuilds

# first.c reads include/shared.h, second.c include/other.h; near/ is searched before include/.
PROJECT = {
    "build.sh": """set -e
$CC $FLAGS -g -O1 -fPIC -Inear -Iinclude -isystem "$SYSTEM" -c first.c -o first.o
$CC -g -O1 -fPIC -Inear -Iinclude -c second.c -o second.o
$CC -shared first.o second.o -o both.so
""",
    "first.c": """#include "shared.h"
#include <paths.h>
#if defined(__has_include)
#if __has_include(<lab_system.h>)
#include <lab_system.h>
#endif
#endif
int first(void) { return SHARED; }
const char *shell(void) { return _PATH_BSHELL; }
const char *made_on = __DATE__;
""",
    "second.c": '#include "other.h"\nint second(void) { return OTHER; }\n',
    "include/shared.h": "#define SHARED 1\n",
    "include/other.h": "#define OTHER 2\n",
    "near/unused.h": "",
}


class Changes(Rebuilds):
    def setUp(self):
        super().setUp()
        self.tools = {**self.tools, "SYSTEM": self.home("system"), "SOURCE_DATE_EPOCH": "1000000000"}
        self.plain_tools = {**self.plain_tools, "SYSTEM": self.path("system"), "SOURCE_DATE_EPOCH": "1000000000"}
        self.write_system("lab_system.h", "")
        self.assertEqual(self.begin(PROJECT), ["both.so", "first.o", "second.o"])

    def write_system(self, name, text):
        with open(self.path("system", name), "w", encoding="utf-8") as out:
            out.write(text)

    def home_name(self, name):
        self.home(name)
        return name

    def in_project(self, name):
        return os.path.join(self.folder, name)


class Sources(Changes):
    def test_touched_but_unchanged_files_stay_fresh(self):
        for name in ("first.c", "include/shared.h", "first.o", "both.so"):
            os.utime(self.in_project(name))
        self.assert_stays_fresh("first.o")

    def test_an_edited_source_reaches_what_is_made_of_it(self):
        self.replace("first.c", "SHARED;", "SHARED + 1;")
        self.assert_rebuilds("first.o", "first.c changed", ["first.o", "both.so"],
                             also={"both.so": "ran, because first.o changed", "second.o": FRESH})

    def test_a_source_put_back_is_built_back(self):
        before = self.built()
        self.replace("first.c", "SHARED;", "SHARED + 1;")
        self.rebuild()
        self.replace("first.c", "SHARED + 1;", "SHARED;")
        self.rebuild()
        self.assertEqual(self.built(), before)

    def test_an_edit_that_changes_no_object_ends_at_the_compile(self):
        self.replace("include/shared.h", "1\n", "1  // as ever\n")
        self.assert_rebuilds("first.o", "include/shared.h changed", ["first.o"], also={"both.so": FRESH})

    def test_a_source_of_the_same_size_and_time_but_other_bytes(self):
        stamp = os.stat(self.in_project("second.c"))
        self.replace("second.c", "second(void)", "secund(void)")
        os.utime(self.in_project("second.c"), ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
        self.assert_rebuilds("second.o", "second.c changed", ["second.o", "both.so"])


class Headers(Changes):
    def test_an_edited_project_header(self):
        self.write("include/shared.h", "#define SHARED 7\n")
        self.assert_rebuilds("first.o", "include/shared.h changed", ["first.o", "both.so"])

    def test_an_edited_header_of_a_system_folder_outside_the_project(self):
        self.write_system("lab_system.h", "#undef SHARED\n#define SHARED 11\n")
        self.assert_rebuilds("first.o", self.path("system", "lab_system.h") + " changed", ["first.o", "both.so"])

    def test_an_edited_header_of_the_machine(self):
        header = self.path("paths.h")
        shutil.copy("/usr/include/paths.h", header)
        with open(header, "a", encoding="utf-8") as out:
            out.write('#undef _PATH_BSHELL\n#define _PATH_BSHELL "/lab/sh"\n')
        self.run_command, self.options = self.under_another_header(header), ("--no-store",)
        self.assert_rebuilds("first.o", "/usr/include/paths.h changed", ["first.o", "both.so"])

    def under_another_header(self, header):
        """Runs commands where another file lies over /usr/include/paths.h; the worker outside is out of sight."""
        plain_run = self.run_command
        mount = f"mount --bind {header} /usr/include/paths.h && exec \"$@\""
        return lambda *command, **named: plain_run("unshare", "-m", "sh", "-c", mount, "sh", *command,
                                                   home=self.home_name("inside"), **named)

    def test_a_deleted_header_that_is_still_asked_for_fails_as_the_compiler_says(self):
        self.remove("include/shared.h")
        self.assertEqual(self.explain("first.o")[1], "would run, because include/shared.h is gone")
        done = self.run_extfarm("run", "--", *self.command, **self.tools)
        alone = self.run_command(*self.command, **self.plain_tools)
        self.assertNotEqual(alone.returncode, 0)
        self.assertEqual(done.returncode, alone.returncode)
        self.assertIn("fatal error: shared.h: No such file or directory", done.stderr)
        self.assertEqual(self.explain("first.o")[0], "ran, because include/shared.h is gone")

    def test_a_deleted_header_uncovers_the_one_behind_it(self):
        self.write("near/shared.h", "#define SHARED 3\n")
        self.rebuild()
        self.remove("near/shared.h")
        self.assert_rebuilds("first.o", "near/shared.h is gone", ["first.o", "both.so"])

    def test_a_new_header_shadows_one_further_down_the_include_path(self):
        self.write("near/shared.h", "#define SHARED 4\n")
        self.assert_rebuilds("first.o", "the new file near/shared.h comes before include/shared.h",
                             ["first.o", "both.so"])

    def test_a_new_header_beside_the_source_shadows_the_include_path(self):
        self.write("other.h", "#define OTHER 5\n")
        self.assert_rebuilds("second.o", "the new file other.h comes before include/other.h", ["second.o", "both.so"])

    def test_a_new_header_in_a_folder_that_a_response_file_names(self):
        self.write("words", "-Inear -Iinclude -include other.h")
        self.replace("build.sh", "-Inear -Iinclude -isystem", "@words -isystem")
        self.rebuild()
        self.write("near/shared.h", "#define SHARED 14\n")
        self.assert_rebuilds("first.o", "the new file near/shared.h comes before include/shared.h",
                             ["first.o", "both.so"])
        self.write("near/other.h", "#define OTHER 15\n")
        self.assert_rebuilds("first.o", "the new file near/other.h comes before include/other.h",
                             ["first.o", "second.o", "both.so"])

    def test_a_header_goes_that_a_source_had_only_asked_for(self):
        self.write("include/there.h", "")
        self.write("second.c", """#include "other.h"
#if __has_include("there.h")
int second(void) { return OTHER; }
#else
int second(void) { return -OTHER; }
#endif
""")
        self.rebuild()
        self.remove("include/there.h")
        self.assert_rebuilds("second.o", "include/there.h is gone", ["second.o", "both.so"])

    def test_a_precompiled_header_is_an_input(self):
        self.write("build.sh", "set -e\n[ -e include/shared.h.gch ] || /usr/bin/gcc -g -O1 -fPIC include/shared.h\n"
                               "$CC -g -O1 -fPIC -Iinclude -c first.c -o first.o\n")
        for name in ("second.o", "both.so"):
            self.remove(name)
        self.write("first.c", '#include "shared.h"\nint first(void) { return SHARED; }\n')
        self.rebuild()
        self.assertEqual(self.rebuild(), [])
        self.write("include/shared.h", "#define SHARED 18\n")
        subprocess.run(["/usr/bin/gcc", "-g", "-O1", "-fPIC", "include/shared.h"], cwd=self.folder, check=True)
        self.write("include/shared.h", "#define SHARED 1\n")  # what is precompiled says otherwise
        self.assertIn("include/shared.h.gch changed", self.explain("first.o")[1])
        self.assertEqual(self.rebuild(), ["first.o"])

    def test_new_headers_that_a_source_had_asked_for_by_macros(self):
        self.write("second.c", """#include "other.h"
#define HAS(name) __has_include(name)
#define LATER "later.h"
#if HAS(LATER)
#include LATER
#elif defined __has_include && \\
      __has_include("latest.h")
#include "latest.h"
#endif
int second(void) { return OTHER; }
""")
        self.rebuild()
        self.write("include/latest.h", "#undef OTHER\n#define OTHER 16\n")
        self.assert_rebuilds("second.o", "the new file include/latest.h was looked for", ["second.o", "both.so"])
        self.write("near/later.h", "#undef OTHER\n#define OTHER 17\n")
        self.assert_rebuilds("second.o", "the new file near/later.h was looked for", ["second.o", "both.so"])

    def test_a_new_file_that_the_assembler_meets_first(self):
        self.write("include/bytes.bin", "one.")
        self.write("second.c", 'asm(".data\\n.incbin \\"bytes.bin\\"\\n.text");\nint second(void) { return 2; }\n')
        self.rebuild()
        self.write("near/bytes.bin", "two.")
        self.assert_rebuilds("second.o", "the new file near/bytes.bin comes before include/bytes.bin",
                             ["second.o", "both.so"])

    def test_a_new_header_that_a_source_had_asked_for_in_vain(self):
        os.remove(self.path("system", "lab_system.h"))
        self.rebuild()
        self.write_system("lab_system.h", "#undef SHARED\n#define SHARED 12\n")
        self.assert_rebuilds("first.o", f"the new file {self.path('system', 'lab_system.h')} was looked for",
                             ["first.o", "both.so"])

    def test_a_new_header_that_nobody_reads_changes_nothing(self):
        self.write("near/lab_system_of_others.h", "#define SHARED 4\n")
        self.assert_stays_fresh("first.o")


class Fortran(Changes):
    def setUp(self):
        super().setUp()
        for name in ("second.o", "both.so"):
            self.remove(name)
        self.write("build.sh", "set -e\n$FC -c number.f90 -J include -o number.o\n"
                               "$FC -Inear -Iinclude -c first.f90 -o first.o\n")
        self.write("number.f90", "module number\n  integer, parameter :: n = 1\nend module\n")
        self.write("include/added.inc", "  integer, parameter :: m = 1\n")
        self.write("first.f90", "subroutine first(k)\n  use number\n  integer :: k\n  include 'added.inc'\n"
                                "  k = n + m\nend subroutine\n")
        self.tools = {**self.tools, "FC": program("extfarm-cc") + " /usr/bin/gfortran"}
        self.plain_tools = {**self.plain_tools, "FC": "/usr/bin/gfortran"}
        self.assertEqual(self.rebuild(), ["first.o", "number.o"])

    def test_an_edited_file_that_is_included(self):
        self.write("include/added.inc", "  integer, parameter :: m = 4\n")
        self.assert_rebuilds("first.o", "include/added.inc changed", ["first.o"])

    def test_an_edit_that_changes_a_module_reaches_who_uses_it(self):
        self.write("number.f90", "! of the module nothing is changed\n" + self.files["number.f90"])
        self.assert_rebuilds("number.o", "number.f90 changed", ["number.o"])
        self.write("number.f90", "module number\n  integer, parameter :: n = 2\nend module\n")
        self.assert_rebuilds("number.o", "number.f90 changed", ["first.o", "number.o"])

    def test_a_deleted_module(self):
        self.write("number.f90", "! of the module nothing is changed\n" + self.files["number.f90"])
        self.rebuild()
        self.remove("include/number.mod")
        self.assert_rebuilds("number.o", "its output include/number.mod is gone", ["number.o"])

    def test_a_new_file_that_is_met_first(self):
        self.write("near/added.inc", "  integer, parameter :: m = 2\n")
        self.assert_rebuilds("first.o", "the new file near/added.inc comes before include/added.inc", ["first.o"])
        other = self.path("other.f90")
        with open(other, "w", encoding="utf-8") as out:
            out.write("module number\n  integer, parameter :: n = 5\nend module\n")
        subprocess.run(["/usr/bin/gfortran", "-fsyntax-only", other, "-J", self.in_project("near")], check=True)
        self.assertEqual(self.explain("first.o")[1],
                         "would run, because the new file near/number.mod comes before include/number.mod")
        self.assertEqual(self.rebuild(), ["first.o"])


class Commands(Changes):
    def test_a_changed_flag(self):
        self.replace("build.sh", "-O1 -fPIC -Inear -Iinclude -c second.c", "-O2 -fPIC -Inear -Iinclude -c second.c")
        self.assert_rebuilds("second.o", "its command changed: -O1 became -O2", ["second.o", "both.so"],
                             before=STILL)

    def test_a_flag_that_changes_no_object_ends_at_the_compile(self):
        self.assert_rebuilds("first.o", "its command changed: -DNOBODY_READS_THIS was added", ["first.o"],
                             before=STILL, FLAGS="-DNOBODY_READS_THIS")

    def test_an_environment_variable_that_matters(self):
        self.assert_rebuilds("first.o", "the environment variable SOURCE_DATE_EPOCH changed",
                             ["first.o", "second.o", "both.so"], before=STILL, SOURCE_DATE_EPOCH="1100000000")

    def test_an_environment_variable_that_leads_to_another_header(self):
        os.makedirs(self.path("elsewhere"))
        with open(self.path("elsewhere", "shared.h"), "w", encoding="utf-8") as out:
            out.write("#define SHARED 13\n")
        self.remove("include/shared.h")
        self.assert_rebuilds("first.o", "the environment variable CPATH changed", ["first.o", "second.o", "both.so"],
                             before="would run, because include/shared.h is gone", CPATH=self.path("elsewhere"))

    def test_environment_variables_that_do_not_matter(self):
        self.assert_stays_fresh("first.o", EDITOR="ed", TERM="vt100", COLUMNS="40", LC_ALL="C",
                                home=self.home_name("another"))

    def test_force_runs_all(self):
        self.assertEqual(self.explain("first.o")[1], STILL)
        self.assertEqual(self.rebuild("--force"), ["both.so", "first.o", "second.o"])
        self.assertEqual(self.explain("first.o")[0], "ran, because --force was given")
        self.assert_as_from_scratch()
        self.assertEqual(self.rebuild(), [])


class Outputs(Changes):
    def test_a_deleted_output(self):
        os.remove(self.in_project("first.o"))
        self.assert_rebuilds("first.o", "its output first.o is gone", ["first.o"])

    def test_a_hand_edited_object(self):
        with open(self.in_project("second.o"), "ab") as out:
            out.write(b"by hand")
        self.assert_rebuilds("second.o", "its output second.o was changed", ["second.o"])

    def test_a_hand_edited_library(self):
        with open(self.in_project("both.so"), "r+b") as out:
            out.seek(24)
            out.write(b"\1")
        self.assert_rebuilds("both.so", "its output both.so was changed", ["both.so"])


class Compilers(Changes):
    options = ("--no-store",)  # A worker of its own runs no compiler from a user's folder; the embedded one does.

    def copied_compiler(self):
        """A gcc of this test's own: driver and cc1 are copies, the rest leads to the machine's."""
        machines = os.path.dirname(os.path.realpath(subprocess.run(
            ["/usr/bin/gcc", "-print-prog-name=cc1"], capture_output=True, text=True, check=True).stdout.strip()))
        own = self.path("tools", *machines.split("/")[2:])  # /usr/lib/gcc/… → tools/lib/gcc/…
        os.makedirs(self.path("tools", "bin"))
        os.makedirs(own)
        shutil.copy(os.path.realpath("/usr/bin/gcc"), self.path("tools", "bin", "gcc"))
        for name in os.listdir(machines):
            if name != "cc1":
                os.symlink(os.path.join(machines, name), os.path.join(own, name))
        shutil.copy(os.path.join(machines, "cc1"), own)
        return os.path.join(own, "cc1")

    def test_an_upgraded_compiler_found_on_the_path(self):
        cc1 = self.copied_compiler()
        path = self.path("tools", "bin") + ":" + os.environ["PATH"]
        self.tools = {**self.tools, "CC": program("extfarm-cc") + " gcc", "PATH": path}
        self.plain_tools = {**self.plain_tools, "CC": "gcc", "PATH": path}
        self.assertEqual(self.rebuild(), ["both.so", "first.o", "second.o"])
        os.utime(cc1)
        self.assert_stays_fresh("first.o")
        with open(cc1, "ab") as out:
            out.write(b"12.2.1")
        self.assert_rebuilds("first.o", f"its toolchain changed: {cc1} differs", ["first.o", "second.o", "both.so"])

    def test_a_wrapper_whose_own_bytes_change(self):
        wrapper = self.slow_compiler("0")
        self.tools = {**self.tools, "CC": f"{program('extfarm-cc')} {wrapper}"}
        self.plain_tools = {**self.plain_tools, "CC": wrapper}
        self.rebuild()
        with open(wrapper, "w", encoding="utf-8") as out:
            out.write('#!/bin/sh\nexec /usr/bin/gcc "$@" -gno-column-info\n')
        self.assert_rebuilds("first.o", f"its toolchain changed: {wrapper} differs", ["first.o", "second.o", "both.so"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
