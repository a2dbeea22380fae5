"""Reads a compiler's command line as far as the front end has to.

Knows which commands the farm may be asked to run, what they read and write.
Refuses to know setuptools and the socket.
"""

import os
import re

_PROBE = re.compile(r"(conftest|_configtest|try_compile)")
_SOURCES = (".c", ".cc", ".cpp", ".cxx", ".c++", ".C", ".m", ".mm", ".f", ".for", ".f77", ".f90", ".f95",
            ".F", ".F90", ".s", ".S")
_OBJECTS = (".o", ".obj", ".a", ".so")
# Options whose value is the next word, which is therefore no input.
_WITH_VALUE = {"-o", "-I", "-D", "-U", "-L", "-l", "-x", "-MF", "-MT", "-MQ", "-include", "-imacros", "-isystem",
               "-iquote", "-idirafter", "-T", "-u", "-Xlinker", "-Xcompiler", "-arch", "-J", "-aux-info",
               "--param", "-Xpreprocessor", "-Xassembler", "-z"}


class Command:
    """What a command line does.  `kind` is None when it has to run here; `reason` then says why."""

    def __init__(self, kind, inputs=(), outputs=(), reason=""):
        self.kind = kind
        self.inputs = list(inputs)
        self.outputs = list(outputs)
        self.reason = reason


_COMPILER = re.compile(r"(.*-)?(gcc|g\+\+|cc|c\+\+|clang|clang\+\+|gfortran|f77|f95)(-[\d.]+)?")


def is_compiler(name):
    """Whether a program is named as a compiler driver is."""
    return _COMPILER.fullmatch(os.path.basename(name)) is not None


def read(argv):
    """Classifies a command, a list of str.  Paths come back as they were written."""
    name = os.path.basename(argv[0])
    if re.fullmatch(r"(.*-)?ar(-[\d.]+)?", name):
        return _archive(argv)
    output, plain = _positional(argv)
    if "-E" in argv or "-M" in argv or "-MM" in argv or output is None or "-" in argv:
        return Command(None, reason="unknown command")
    sources = [word for word in plain if word.endswith(_SOURCES)]
    if any(_PROBE.search(word) for word in sources + [output]):
        return Command(None, reason="probe")
    if "-c" in argv:
        if not sources:
            return Command(None, reason="unknown command")
        return Command("compile", sources, [output])
    objects = [word for word in plain if word.endswith(_OBJECTS) or re.search(r"\.so\.\d", word)]
    if not objects and not sources:
        return Command(None, reason="unknown command")
    return Command("link", sources + objects, [output])


def _archive(argv):
    words = [word for word in argv[1:] if not word.startswith("-")]
    if argv[1:] and not argv[1].startswith("-"):
        words = words[1:]  # `ar rcs lib.a`: the operation without its dash.
    if len(words) < 2 or not words[0].endswith(".a"):
        return Command(None, reason="unknown command")
    return Command("archive", words[1:], [words[0]])


def _positional(argv):
    output, plain, skip = None, [], None
    for word in argv[1:]:
        if skip is not None:
            output = word if skip == "-o" else output
            skip = None
        elif word in _WITH_VALUE:
            skip = word
        elif word.startswith("-o") and len(word) > 2 and not word.startswith("-openmp"):
            output = word[2:]
        elif not word.startswith("-"):
            plain.append(word)
    return output, plain
