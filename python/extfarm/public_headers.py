"""Tells whether a Cython module declares something for C, so that its transpile writes .h or _api.h.

Reads the module, its .pxd and what they include, line by line.  Refuses to
parse Cython: when in doubt the answer is yes.
"""

import os
import re

_DECLARES = re.compile(r"(cdef|ctypedef)\b[^#(=]*\b(public|api)\b")
# In these blocks "public" is an attribute of a class, or somebody else's declaration.
_OTHER_BLOCK = re.compile(r"(cdef\s+)?(class|cppclass|extern)\b|cdef\s+\w+\s+class\b")
_INCLUDE = re.compile(r"""include\s+(["'])(.+?)\1""")


def makes_headers(pyx_file):
    """Whether the module may write a header.  A file that cannot be read declares nothing."""
    seen = set()
    waiting = [pyx_file, os.path.splitext(pyx_file)[0] + ".pxd"]
    while waiting:
        path = os.path.abspath(waiting.pop())
        if path in seen:
            continue
        seen.add(path)
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                lines = file.read().splitlines()
        except OSError:
            continue
        if _declares(lines):
            return True
        for line in lines:
            included = _INCLUDE.match(line.strip())
            if included:
                waiting += [included.group(2), os.path.join(os.path.dirname(path), included.group(2)),
                            os.path.join(os.path.dirname(pyx_file), included.group(2))]
    return False


def _declares(lines):
    in_other_block = False
    for line in lines:
        text = line.lstrip()
        if not text or text.startswith("#"):
            continue
        indented = len(text) < len(line)
        if not indented:
            in_other_block = bool(_OTHER_BLOCK.match(text))
        if _DECLARES.match(text) and not (indented and in_other_block):
            return True
    return False
