"""Which Cython modules are taken to write headers."""

import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.environ.get("EXTFARM_PYTHON") or os.path.join(os.path.dirname(__file__), "..", "..", "python"))
from extfarm.public_headers import makes_headers


class PublicHeaders(unittest.TestCase):
    def answer(self, text, **others):
        with tempfile.TemporaryDirectory() as folder:
            for name, content in {"m_pyx": text, **others}.items():
                with open(os.path.join(folder, name.replace("_", ".")), "w", encoding="utf-8") as out:
                    out.write(content)
            return makes_headers(os.path.join(folder, "m.pyx"))

    def test_declarations_for_c(self):
        for text in ("cdef public int x", "cdef api int f():\n    pass", "cdef public class C [type T, object O]: pass",
                     "cdef public api void g()", "ctypedef public struct S:\n    int x", "cdef public:\n    int y",
                     "IF True:\n    cdef public int x"):
            self.assertTrue(self.answer(text), text)

    def test_what_is_for_python_only(self):
        for text in ("cdef class K:\n    cdef public int x", "x = 1  # public api", "def api(): pass",
                     "cdef int f(int public): pass", "cdef int x = public", "class A:\n    api = 1",
                     "cdef extern from 'x.h':\n    cdef int public_thing()"):
            self.assertFalse(self.answer(text), text)

    def test_the_definition_file_and_included_files_count(self):
        self.assertTrue(self.answer("x = 1", m_pxd="cdef public int f()"))
        self.assertTrue(self.answer("include 'part.pxi'", part_pxi="cdef api int f(): pass"))
        self.assertFalse(self.answer("include 'missing.pxi'\nx = 1"))


if __name__ == "__main__":
    unittest.main()
