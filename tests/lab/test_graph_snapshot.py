"""A graph that an earlier build left judged: what changed is found all the same, and nothing else is judged.

After each change the build runs what it must, its files are those of a build from nothing, and a build that
has forgotten the snapshot finds nothing more to do.
"""

import glob
import json
import os
import shutil
import time
import unittest

from farm import contents
from graph_case import GraphBuild, gcc

HEADERS = "near", "far"
TOOL = "#!/bin/sh\nexec /usr/bin/gcc \"$@\"\n"


def compile_of(name):
    return gcc(name + ".c", f"obj/{name}.o", *["-I" + folder for folder in HEADERS])


class Snapshot(GraphBuild):
    project = {
        "far/shared.h": "#define SHARED 1\n", "far/own.h": "#define OWN 1\n", "near/other.h": "",
        "one.c": '#include "shared.h"\nint one(void) { return SHARED; }\n',
        "two.c": '#include "shared.h"\n#include "own.h"\nint two(void) { return OWN; }\n',
        "three.c": '#if __has_include("maybe.h")\n#include "maybe.h"\n#else\n#define MAYBE 0\n#endif\n'
                   "int three(void) { return MAYBE; }\n",
    }
    actions = [compile_of(name) for name in ("one", "two", "three")] + [
        {"argv": ["gcc", "-shared", *(f"obj/{n}.o" for n in ("one", "two", "three")), "-o", "all.so"],
         "inputs": [f"obj/{n}.o" for n in ("one", "two", "three")], "outputs": ["all.so"]}]

    def setUp(self):
        super().setUp()
        self.lay_out_graph()
        self.build_well()
        self.settle()
        self.assertEqual(len(self.snapshots()), 1)

    def settle(self, **variables):
        """Leaves a snapshot, with stamps that can be trusted."""
        time.sleep(0.1)
        self.build_well(**variables)
        self.assertEqual(self.ran(), (0, 0))

    def snapshots(self):
        return [path for path in glob.glob(os.path.join(self.folder, ".extfarm", "graph-*")) if "since" not in path]

    def full_path(self, name):
        return os.path.join(self.folder, name)

    def built(self):
        return contents(self.folder, ".o", ".so")

    def from_nothing(self, **variables):
        """What a build makes in a copy at the same path."""
        aside = self.folder + ".aside"
        os.rename(self.folder, aside)
        try:
            shutil.copytree(aside, self.folder, ignore=shutil.ignore_patterns(".extfarm", "obj", "*.so"))
            self.build_well("--no-store", **variables)
            return self.built()
        finally:
            shutil.rmtree(self.folder)
            os.rename(aside, self.folder)

    def assert_builds(self, count, **variables):
        """`count` actions run, and all is well."""
        self.build_well("--no-store", **variables)
        self.assertEqual(self.ran(), (count, 0))
        self.assertEqual(self.built(), self.from_nothing(**variables))
        self.build_well(**variables)
        self.assertEqual(self.ran(), (0, 0))
        for path in self.snapshots():
            os.remove(path)
        self.build_well(**variables)
        self.assertEqual(self.ran(), (0, 0), "without the snapshot")
        self.settle(**variables)

    def test_edits_one_after_another(self):
        self.write("one.c", self.project["one.c"] + "int more;\n")
        self.assert_builds(2)
        self.write("far/own.h", "#define OWN 2\n")
        self.assert_builds(2)
        self.write("far/shared.h", "#define SHARED 22\n")
        self.assert_builds(3)
        self.write("one.c", self.project["one.c"])  # as it was at first
        self.assert_builds(2)

    def test_edits_without_a_build_between_them_that_runs_nothing(self):
        for round in range(5):
            self.write("one.c", self.project["one.c"] + f"int more{round};\n")
            self.build_well("--no-store")
            self.assertEqual(self.ran(), (2, 0))
        self.assertEqual(self.built(), self.from_nothing())

    def test_a_touched_file_runs_nothing(self):
        os.utime(self.full_path("far/shared.h"))
        self.assert_builds(0)

    def test_a_header_that_was_looked_for_comes_and_goes(self):
        self.write("near/maybe.h", "#define MAYBE 7\n")
        self.assert_builds(2)
        os.remove(self.full_path("near/maybe.h"))
        self.assert_builds(2)

    def test_a_header_that_comes_earlier_in_the_search(self):
        self.write("near/shared.h", "#define SHARED 9\n")
        self.assert_builds(3)

    def test_another_name_in_a_searched_folder_is_none_of_them(self):
        self.write("near/unrelated.h", "")
        self.assert_builds(0)

    def test_a_changed_and_a_removed_output(self):
        with open(self.full_path("obj/two.o"), "ab") as out:
            out.write(b"x")
        self.assert_builds(1)
        os.remove(self.full_path("obj/one.o"))
        self.assert_builds(1)
        os.remove(self.full_path("all.so"))
        self.assert_builds(1)

    def test_an_output_replaced_by_a_link_to_its_bytes(self):
        os.rename(self.full_path("obj/two.o"), self.full_path("two.elsewhere"))
        os.symlink("../two.elsewhere", self.full_path("obj/two.o"))
        self.assert_builds(1)

    def test_another_environment_and_another_graph(self):
        self.assert_builds(4, CPATH=self.full_path("near"))
        self.assert_builds(4, CPATH=self.full_path("far"))
        self.lay_out_actions([compile_of("one"), gcc("two.c", "obj/two.o", "-O2", "-Ifar"), *self.actions[2:]])
        self.assert_builds(4)  # back to the first environment, and one command changed

    def lay_out_actions(self, actions):
        self.write("graph.json", json.dumps({"schema": 1, "actions": actions}))

    def test_another_compiler_first_on_the_path(self):
        tools = self.home("tools")
        path = tools + ":" + os.environ["PATH"]
        self.assert_builds(4, PATH=path)  # PATH is part of the environment
        with open(os.path.join(tools, "gcc"), "w", encoding="utf-8") as out:
            out.write(TOOL)
        os.chmod(os.path.join(tools, "gcc"), 0o755)
        self.build_well("--no-store", PATH=path)
        self.assertEqual(sum(self.ran()), 4, "the name means another program now")

    def test_results_of_another_command_in_between(self):
        self.write("two.c", self.project["two.c"] + "int more;\n")
        shutil.copy(self.full_path("graph.json"), self.full_path("other.json"))
        self.build_well("--no-store", graph=("--manifest", "other.json"))
        self.assertEqual(self.ran(), (2, 0))
        self.assert_builds(0)

    def test_a_failed_build_is_taken_up_again(self):
        self.write("two.c", "int two(void) { return wrong; }\n")
        self.write("one.c", self.project["one.c"] + "int more;\n")
        self.assertNotEqual(self.build("--no-store", "-k").returncode, 0)
        self.write("two.c", self.project["two.c"])
        self.assert_builds(1)  # two.o is as it was; the link has a new one.o

    def test_a_damaged_snapshot_is_not_believed(self):
        (path,) = self.snapshots()
        with open(path, "rb") as file:
            whole = file.read()
        self.write("one.c", self.project["one.c"] + "int more;\n")
        for damaged in (b"", whole[:-1], whole[:40], whole[:100] + b"?" + whole[101:]):
            with open(path, "wb") as out:
                out.write(damaged)
            self.build_well("--no-store")
        self.assert_builds(0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
