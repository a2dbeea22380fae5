"""Random command lines from the options of doc/arguments.md, the same for the same seed."""

import shlex

from cases import Case

COMPILERS = ("gcc", "g++", "clang")
SOURCES = (["x.c"], ["x.c"], ["y.c"], ["sub/z.c"], ["./x.c"], ["FOLDER/y.c"], ["warns.c"], ["fails.c"], ["a b.c"],
           ["x.c", "y.c"], ["x.c", "sub/z.c", "main.c"], ["absent.c"])
STAGES = (["-c"],) * 12 + (["-S"], ["-S"], ["-c", "-S"], ["-fsyntax-only"], ["-E"]) + ([],) * 3
OUTPUTS = ((),) * 3 + (("-o", "out.o"), ("-oout.o"), ("-o", "sub/out.o"), ("-o", "deps/a b.o"), ("-o", "/dev/null"),
                       ("-o", "-"), ("-o", "one.o", "-o", "two.o"), ("-o", "out"))
LISTS = ((),) * 4 + (("-MD",), ("-MMD",), ("-MD", "-MF", "deps/x.d"), ("-MMD", "-MFsub/x.d", "-MP"), ("-MD", "-MT", "t"),
                     ("-MD", "-MQ", "$q", "-MT", "u"), ("-Wp,-MD,deps/.w.d",), ("-Wp,-MMD,w.d",), ("-MD", "-MG"))
ANY = (("-O1",), ("-O2",), ("-O0",), ("-g",), ("-g1",), ("-g0",), ("-ggdb3",), ("-Wall",), ("-Wextra",), ("-Werror",),
       ("-w",), ("-pipe",), ("-fPIC",), ("-D", "X=3"), ("-DX=a.c",), ("-DY", "-UX"), ("-I", "sub"), ("-Isub",),
       ("-isystem", "include"), ("-iquote", "deps"), ("-idirafter", "include"), ("-include", "x.h"), ("-imacros", "x.h"),
       ("-save-temps",), ("-save-temps=obj",), ("-save-temps=cwd",), ("-fstack-usage",), ("--coverage",),
       ("-ftest-coverage",), ("-fprofile-arcs",), ("-fprofile-generate",), ("-gsplit-dwarf",), ("-ffunction-sections",),
       ("-fdata-sections", "-fno-common"), ("-flto",), ("-march=native",), ("-mtune=native",), ("-B/usr/bin",),
       ("-fdiagnostics-color=always",), ("-fno-diagnostics-show-caret",), ("-ffile-prefix-map=FOLDER=/src",),
       ("-fdebug-prefix-map=FOLDER=.",), ("-x", "c"), ("-xc++",), ("-x", "none"), ("-std=gnu11",), ("-nostdinc",),
       ("-fvisibility=hidden",), ("-fverbose-asm",), ("-frecord-gcc-switches",), ("-fno-asynchronous-unwind-tables",),
       ("-Wa,--noexecstack",), ("-Wl,-O1",), ("-lm",), ("-L", "sub"), ("-shared",), ("-r",), ("-static",), ("-pthread",),
       ("-no-such-option",), ("-fsanitize=undefined",), ("-fstack-protector-strong",), ("-D_FORTIFY_SOURCE=2",))
GNU = (("-Wa,-a=sub/x.list",), ("-Wa,-adhln",), ("-Wa,--MD,deps/as.d",), ("-fdump-tree-gimple",), ("-fdump-rtl-final",),
       ("-fcallgraph-info",), ("-aux-info", "x.aux"), ("-fopt-info-all=opt.txt",), ("-dumpdir", "sub/"),
       ("-dumpbase", "named"), ("-fno-working-directory",), ("-fcompare-debug",), ("-fwhole-program",),
       ("-fplugin=none",), ("-specs=none.specs",), ("-wrapper", "./wrap"), ("-fanalyzer",))
CLANG = (("-Xclang", "-relaxed-aliasing"), ("-mllvm", "-inline-threshold=5"), ("-emit-llvm",), ("-Weverything",),
         ("--serialize-diagnostics", "x.dia"), ("-fno-integrated-as",), ("-Qunused-arguments",), ("-fsave-optimization-record",),
         ("-MJ", "x.json"), ("-fcolor-diagnostics",), ("-fno-color-diagnostics",), ("-target", "x86_64-linux-gnu"),
         ("-fdebug-compilation-dir=/src",), ("-fmodules",), ("-flto=thin",), ("-Xclang", "-load", "-Xclang", "./none.so"))
FILES = {
    "warns.c": '#include "x.h"\nstatic int unused;\nint w(int a) { int b; return b; }\n',
    "fails.c": '#include "x.h"\nint e(void) { return undeclared }\n',
    "a b.c": '#include "x.h"\n#include <limits.h>\nint ab = TWO + CHAR_BIT;\n',
    "include/inc.h": "#define INC 1\n",
}


def command(random, number):
    """The case of that number; `random` is read in a fixed order."""
    compiler = random.choice(COMPILERS)
    own = CLANG if compiler == "clang" else GNU
    groups = [list(random.choice(SOURCES)), list(random.choice(STAGES)), list(random.choice(LISTS))]
    output = random.choice(OUTPUTS)
    groups.append([output] if isinstance(output, str) else list(output))
    groups += [list(random.choice(ANY)) for _ in range(random.randint(0, 5))]
    groups += [list(random.choice(own)) for _ in range(random.choice((0, 0, 0, 1, 1, 2)))]
    random.shuffle(groups)
    words = [word for group in groups for word in group] + ["-frandom-seed=1"]
    # The assembler refuses "-" at once.  With -pipe the compiler then dies of it (exit code 2, no list of what it
    # read) or has already ended (exit code 1, and a list): g++ with a slow assembler shows the second.
    if output == ("-o", "-"):
        words = [word for word in words if word != "-pipe"]
    # clang 14 then writes memory that it has not set as the name of the output.
    if "-fsyntax-only" in words:
        words = [word for word in words if word not in ("-MJ", "x.json")]
    files = dict(FILES)
    if random.random() < 0.15:  # some of them from a response file
        cut = random.randrange(len(words))
        files["words"] = " ".join(shlex.quote(word) for word in words[cut:] if "FOLDER" not in word) + "\n"
        words = words[:cut] + [word for word in words[cut:] if "FOLDER" in word] + ["@words"]
    return Case(number, " ".join(["CC", *map(shlex.quote, words)]), (compiler,), files)
