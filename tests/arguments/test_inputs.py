"""Whatever a command reads of its project makes it run again when that changes, and when it goes."""

import concurrent.futures
import os
import shutil
import tempfile
import unittest

import table
from cases import Case, prepare
from farms import Farm
from reads import files_read

THREADS = 2
ROWS = (14, 17, 25, 28, 39, 48)  # of the table: those whose options read; with one compiler of each kind
GNU, CLANG = ("gcc",), ("clang",)
LINKED = "$CC -fPIC -c x.c main.c"
# What the linker and rarer options read, beside the table's command lines.
MORE = [
    *(Case(1, f"CC -shared x.o -Wl,{words} -o a.so", GNU, before=LINKED, files={"names": text}) for words, text in (
        ("--version-script=names", "{ global: f; local: *; };\n"), ("--version-script,names", "{ global: f; };\n"),
        ("--dynamic-list=names", "{ f; };\n"), ("--retain-symbols-file=names", "f\n"), ("--just-symbols=names", "foo = 0x10;\n"))),
    Case(1, "CC -r x.o -Wl,-T,s.ld -o a.o", GNU, before=LINKED, files={"s.ld": "INCLUDE t.ld\n",
                                                                       "t.ld": "SECTIONS { .text : { *(.text) } }\n"}),
    Case(1, "CC main.o -L. -lx -o a", GNU, before=LINKED + "; ar rc libz.a x.o", files={"libx.so": "INPUT(-lz)\n"}),
    Case(1, "CC main.o -fuse-ld=gold -Wl,--version-script=v.map x.o -o a", GNU, before=LINKED, files={"v.map": "{ local: *; };\n"}),
    Case(12, "CC -c h.c", files={"h.c": '#if __has_include("x.h") && __has_include(<sub/z.c>)\nint h;\n#endif\n'}),
    Case(19, "CC -imacros x.h -include sub/y.h -c y.c", files={"sub/y.h": '#include "yy.h"\n', "sub/yy.h": "\n"}),
    Case(25, "CC -fprofile-list=names -fprofile-instr-generate -c x.c", CLANG, files={"names": "fun:f\n"}),
    Case(28, "CC -c s.s -Isub", GNU, files={"s.s": '.include "t.s"\n', "sub/t.s": "nop\n"}),
    Case(28, "CC -x assembler-with-cpp -c s.txt -Isub", GNU, files={"s.txt": '#include "x.h"\n#undef TWO\n.include "t.s"\n',
                                                                    "x.h": "\n", "sub/t.s": "nop\n"}),
    Case(29, "CC -fsanitize=address -fsanitize-ignorelist=names -c x.c", CLANG, files={"names": "fun:f\n"}),
    Case(32, "CC -flto -shared x.o libx.a -o a.so", GNU, before="$CC -flto -fPIC -c x.c main.c y.c; gcc-ar rc libx.a y.o"),
    Case(39, "CC -c p.c", GNU, before="$CC x.h", files={"p.c": '#include "x.h"\nint p = TWO;\n'}),
    Case(39, "CC p.c -shared -fPIC -o p.so", GNU, before="$CC -fPIC x.h", files={"p.c": '#include "x.h"\nint p = TWO;\n'}),
    Case(39, "CC -Isub -c p.c", GNU, before="mkdir sub/p.h.gch; $CC sub/p.h -o sub/p.h.gch/one",
         files={"p.c": '#include "p.h"\nint p = TWO;\n', "sub/p.h": "#define TWO 2\n"}),
    Case(48, "CC -c s.f90", ("gfortran",), before="$CC -c p.f90", files={
        "p.f90": "module own\n interface\n  module subroutine s\n  end subroutine\n end interface\nend module\n",
        "s.f90": "submodule (own) impl\ncontains\n module procedure s\n end procedure\nend submodule\n"}),
]


def is_tried(case):
    """Whether strace can run the same command line, and it is one for a worker."""
    return case.row in ROWS and not (case.local or case.stdin or case.terminal or case.environment or case.program)


class Changed:
    """A file that has other bytes within it, or is not there; and afterwards is as it was."""

    def __init__(self, path, gone):
        self._path, self._gone = path, gone

    def __enter__(self):
        self._status = os.stat(self._path)
        with open(self._path, "rb") as file:
            self._content = file.read()
        os.unlink(self._path)
        if not self._gone:
            self._write(self._content + (b"\n" if self._content.isascii() else b"\0"))

    def __exit__(self, *_):
        if not self._gone:
            os.unlink(self._path)
        self._write(self._content)
        os.utime(self._path, ns=(self._status.st_atime_ns, self._status.st_mtime_ns))

    def _write(self, content):
        with open(self._path, "wb") as file:
            file.write(content)
        os.chmod(self._path, self._status.st_mode)


def unnoticed(case, compiler, folder, farm):
    """What was read and whose change or absence left the command up to date; None where it never is."""
    cwd = os.path.normpath(os.path.join(folder, case.cwd))
    words, environment = prepare(case, compiler, folder)
    code, read = files_read(words, cwd, environment, os.path.realpath(folder), folder + ".strace")
    if code != 0:
        return None
    prepare(case, compiler, folder)  # without what strace's run has made
    if farm.submit(words, cwd)["result"] != "built" or farm.submit(words, cwd)["result"] != "fresh":
        return None
    out = []
    for name in read:
        for gone in (False, True):
            with Changed(os.path.join(folder, name), gone):
                if farm.submit(words, cwd)["result"] == "fresh":
                    out.append(name + (" is gone" if gone else " changed"))
            farm.submit(words, cwd)
    return out


class Inputs(unittest.TestCase):
    def test_what_is_read_is_an_input(self):
        cases = MORE + [case for case in table.CASES if is_tried(case)]
        compilers = sorted({compiler for case in cases for compiler in case.compilers} - {"g++"})  # it reads what gcc does
        top = os.path.realpath(tempfile.mkdtemp(prefix="extfarm-inputs-"))
        farm = Farm(top, "view", compilers, ("--no-store",))
        jobs = []
        with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
            for number, case in enumerate(cases):
                for compiler in sorted(set(case.compilers) & set(compilers))[:None if case in MORE else 1]:
                    folder = os.path.join(top, f"{number}-{compiler}")
                    jobs.append((case, compiler, pool.submit(unnoticed, case, compiler, folder, farm)))
        farm.end()
        shutil.rmtree(top, ignore_errors=True)
        for case, compiler, job in jobs:
            with self.subTest(case.line, compiler=compiler):
                self.assertIn(job.result(), (None, []), "left it up to date")
                if case in MORE:
                    self.assertIsNotNone(job.result(), "it was not tried")
        tried = sum(job.result() is not None for _, _, job in jobs)
        self.assertGreater(tried, len(jobs) / 2, "hardly anything was tried")


if __name__ == "__main__":
    unittest.main()
