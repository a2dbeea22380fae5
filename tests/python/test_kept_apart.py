"""What two extensions of one source leave behind, and which commands count as probes.

Holds depfiles to the compiler that is installed, at every length of their names.
"""

import os
import subprocess
import sys
import tempfile
import types
import unittest

from project import PACKAGE

sys.path.insert(0, PACKAGE)

from extfarm import kept_apart, outside


def extension(name, *sources):
    return types.SimpleNamespace(name=name, sources=list(sources))


class KeptApart(unittest.TestCase):
    def setUp(self):
        self._top = tempfile.TemporaryDirectory()
        self.addCleanup(self._top.cleanup)
        self._before = os.getcwd()
        self.addCleanup(os.chdir, self._before)
        os.chdir(self._top.name)

    def write(self, path, text):
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)

    def read(self, path):
        with open(path, encoding="utf-8") as file:
            return file.read()

    def test_a_depfile_is_the_one_that_gcc_writes_for_the_place_in_build_temp(self):
        headers = [f"include/{'h' * length}{length}.h" for length in (1, 9, 17, 30, 55)] + ["include/with space.h"]
        for header in headers:
            self.write(header, "")
        self.write("both.c", "".join(f'#include "{header}"\n' for header in headers) + "int x;\n")
        extensions = [extension("first", "a.c"), extension("second", "both.c"), extension("third", "c.c")]
        for length in range(1, 70, 3):
            place = "t" * length
            own = os.path.join(place, "extfarm", "second")
            for folder in (place, own):
                os.makedirs(folder, exist_ok=True)
                subprocess.run(["gcc", "-c", "both.c", "-o", f"{folder}/both.o", "-MMD", "-MF", f"{folder}/both.o.d"], check=True)
            expected = self.read(f"{place}/both.o.d")
            os.remove(f"{place}/both.o.d")
            kept_apart.leave_as_plain(extensions, [None, own, None], place)
            self.assertEqual(self.read(f"{place}/both.o.d"), expected)

    def test_the_last_extension_s_object_stays_in_build_temp(self):
        extensions = [extension("one", "one.c", "both.c"), extension("two", "two.c", "both.c")]
        folders = kept_apart.private_folders(extensions, "temp")
        self.assertEqual(folders, [os.path.join("temp", "extfarm", "one"), None])
        self.write("temp/both.o", "two's")
        self.write(folders[0] + "/both.o", "one's")
        self.write(folders[0] + "/one.o", "one")
        kept_apart.leave_as_plain(extensions, folders, "temp")
        self.assertEqual((self.read("temp/both.o"), self.read("temp/one.o")), ("two's", "one"))

    def test_a_compile_in_a_temporary_folder_is_a_probe_unless_the_project_lies_there(self):
        elsewhere = os.path.join(tempfile.gettempdir(), "flags", "test.o")
        self.assertEqual(outside.reason_of(["gcc", "-c", "test.c", "-o", elsewhere]), "probe")
        self.assertEqual(outside.reason_of(["gcc", "-c", "_configtest.c", "-o", "_configtest.o"]), "probe")
        self.assertEqual(outside.reason_of(["gfortran", "-c", "a.f", "-o", "a.o"]), "started by the build itself")
        self.assertIsNone(outside.reason_of(["gcc", "-dumpversion"]))
        self.assertIsNone(outside.reason_of(["python3", "-c", "print()", "-o", "a.o"]))


if __name__ == "__main__":
    unittest.main()
