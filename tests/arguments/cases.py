"""One command line run plainly and through each farm, and what differs between them.

A case is a value; `difference` is the only judge.  Knows nothing of the table of options.
"""

import dataclasses
import os
import shlex

from farms import LAUNCHER, MODES, contents, lay_out, plain_environment, run

COMPILERS = {"gcc": "gcc", "g++": "g++", "clang": "clang"}
# A command that fails early is tried here, too, where the files are that it may have missed.
FAILED_UNLISTED = "it failed on a worker, and did not tell what it had read there"
NO_VIEW = "no private views"

FILES = {
    "x.h": "#define TWO 2\nint f(int);\n",
    "x.c": '#include "x.h"\n#include <stddef.h>\nstatic int twice(int n) { return n * TWO; }\n'
           'int f(int n) { size_t s = sizeof n; return twice(n) + (int)s; }\n',
    "y.c": '#include "x.h"\n#ifndef X\n#define X 1\n#endif\nint g(int n) { return f(n) - X; }\n',
    "sub/z.c": '#include "../x.h"\nint h(int n) { return f(n) + f(TWO); }\n',
    "main.c": '#include "x.h"\nint main(void) { return f(1) == 6 ? 0 : 1; }\n',
    "deps": None,
}


@dataclasses.dataclass
class Case:
    row: int
    line: str  # CC stands for the compiler; the other words as a shell would split them
    compilers: tuple = ("gcc", "g++", "clang")
    files: dict = dataclasses.field(default_factory=dict)
    environment: dict = dataclasses.field(default_factory=dict)
    before: str = ""  # a shell command, run plainly each time, with $CC
    stdin: bytes = b""
    cwd: str = "."
    terminal: bool = False
    local: str = ""          # part of the reason why it stays here in both modes; empty: a worker runs it
    direct: str = ""         # the same for direct mode alone
    varies: tuple = ()       # ends of the names of files whose bytes differ from run to run of the plain compiler
    varies_output: bool = False  # so do its words
    program: tuple = ()      # the words before the compiler, in place of the launcher

    def reason(self, mode):
        return self.local or (self.direct if mode == "direct" else "")


@dataclasses.dataclass
class Outcome:
    exit_code: int
    stdout: bytes
    stderr: bytes
    files: dict


def prepare(case, compiler, folder):
    """The case laid out anew: the words of its command, without a launcher, and its environment."""
    lay_out(folder, {**FILES, **case.files})
    environment = {**plain_environment(), **{n: v.replace("FOLDER", folder) for n, v in case.environment.items()}}
    if case.before:
        code, _, words = run(["sh", "-ec", case.before], folder, {**environment, "CC": compiler})
        if code != 0:
            raise RuntimeError(f"{case.before}: {words.decode()}")
    return [compiler if word == "CC" else word.replace("FOLDER", folder) for word in shlex.split(case.line)], environment


def perform(case, compiler, folder, socket):
    """The case laid out anew and run once; plainly when there is no socket."""
    words, environment = prepare(case, compiler, folder)
    if socket:
        environment["EXTFARM_SOCKET"] = socket
        words = [*(case.program or (LAUNCHER,)), *words]
    done = run(words, os.path.join(folder, case.cwd), environment, case.stdin, case.terminal)
    return Outcome(*done, contents(folder))


def without_what_varies(case, outcome):
    files = {name: (kind, "" if name.endswith(case.varies) and case.varies else what)
             for name, (kind, what) in outcome.files.items()}
    words = (b"", b"") if case.varies_output else (outcome.stdout, outcome.stderr)
    return outcome.exit_code, *words, files


def difference(case, plain, farmed):
    """What differs, in words; empty when nothing does."""
    expected, found = without_what_varies(case, plain), without_what_varies(case, farmed)
    out = [f"{name}: {want!r} plainly, {have!r} on the farm"
           for name, want, have in zip(("exit code", "stdout", "stderr"), expected, found) if want != have]
    for name in sorted({*expected[3], *found[3]}):
        want, have = expected[3].get(name), found[3].get(name)
        if want != have:
            out.append(f"{name}: {want} plainly, {have} on the farm")
    return "; ".join(out)


def compare(case, compiler, folder, farms):
    """By mode, what differed from the plain compiler's."""
    plain = perform(case, compiler, folder, None)
    return {mode: difference(case, plain, perform(case, compiler, folder, farms.socket(mode))) for mode in MODES}
