"""Builds that are killed, and builds that meet in one tree."""

import os
import signal
import unittest

from farm import last_build, program
from held_builds import HeldBuilds
from hosts import wait_until
from rebuilds import STILL


class Killed(HeldBuilds):
    def test_the_next_build_runs_only_what_had_not_been_published(self):
        self.begin(self.graph(quick=9, held=2))
        self.close_gate()
        build = self.begin_build("first", "-j", "2")
        self.wait_for_held(build, 2)
        published = wait_until(lambda: self.recorded() == self.products_there() and self.recorded(), "records")
        self.kill(build)
        self.assertEqual(self.recorded(), published)
        self.open_gate()
        counts = self.finish("second", self.begin_build("second", "-j", "2"))
        self.assertEqual((counts["fresh"], counts["on_workers"]), (published, 12 - published), self.log("second"))
        self.assertGreaterEqual(published, 1)
        self.assertEqual(self.explain("held0.o"), ("ran, because it was never built", STILL))
        self.assertEqual(self.built(), self.expected())
        self.assert_no_damage()

    def test_killed_again_and_again_it_ends_with_the_same_bytes(self):
        self.begin(self.graph(quick=12, held=0))
        for count in (1, 4, 8, 11):  # More is there each time: every build goes on where the last one ended.
            build = self.begin_build("killed", "-j", "2")
            wait_until(lambda: self.products_there() >= count or build.poll() is not None, f"{count} objects")
            self.kill(build)
        published = self.recorded()
        counts = self.finish("last", self.begin_build("last", "-j", "2"))
        self.assertEqual((counts["fresh"], counts["on_workers"]), (published, 13 - published), self.log("last"))
        self.assertEqual(self.finish("idle", self.begin_build("idle"))["fresh"], 13)
        self.assertEqual(self.built(), self.expected())
        self.assert_no_damage()

    def test_the_command_of_a_killed_coordinator_is_waited_for(self):
        self.begin({"build.sh": "$CC -c one.c -o one.o\n$CC -c held.c -o held.o\n$CC -c two.c -o two.o\n",
                    **{f"{n}.c": f"int {n};\n" for n in ("one", "held", "two")}})
        self.close_gate()
        tools = {"CC": f"{program('extfarm-cc')} {self.compiler}"}
        build = self.start("first", program("extfarm"), "run", "--no-store", "-j", "1", "--", "sh", "build.sh", **tools)
        self.wait_for_held(build, 1)
        os.kill(build.pid, signal.SIGKILL)
        build.wait()
        second = self.start("second", program("extfarm"), "run", "--no-store", "--", "sh", "build.sh", **tools)
        wait_until(lambda: "the command of a killed one goes on (pid " in self.log("second"), "word of the orphan")
        self.open_gate()
        self.assertEqual(second.wait(60), 0, self.log("second"))
        counts = last_build(self.folder)["actions"]
        self.assertEqual((counts["fresh"], counts["on_workers"]), (1, 2), self.log("second"))
        self.tools, self.plain_tools = tools, {"CC": self.compiler}
        self.assert_as_from_scratch()


class TwoAtOnce(HeldBuilds):
    def test_the_second_says_whom_it_waits_for_and_then_finds_all_up_to_date(self):
        self.begin(self.graph(quick=2, held=2))
        self.close_gate()
        first = self.begin_build("first", "-j", "2")
        self.wait_for_held(first, 2)
        second = self.begin_build("second", "-j", "2")
        words = f"extfarm: another build runs in this tree (pid {first.pid} on "
        wait_until(lambda: words in self.log("second"), "word of the second build")
        self.assertEqual(self.held(), 2, "the second build compiles beside the first")
        self.open_gate()
        self.assertEqual(first.wait(60), 0, self.log("first"))
        counts = self.finish("second", second)
        self.assertEqual((counts["total"], counts["fresh"]), (5, 5), self.log("second"))
        self.assertEqual(self.log("second").count("another build runs"), 1)
        self.assertNotIn("another build runs", self.log("first"))
        self.assertEqual(self.built(), self.expected())

    def test_an_interrupted_wait_ends_at_once(self):
        self.begin(self.graph(quick=0, held=1))
        self.close_gate()
        first = self.begin_build("first")
        self.wait_for_held(first, 1)
        second = self.begin_build("second")
        wait_until(lambda: "another build runs" in self.log("second"), "word of the second build")
        os.kill(second.pid, signal.SIGINT)
        self.assertEqual(second.wait(20), -signal.SIGINT, self.log("second"))
        self.open_gate()
        self.assertEqual(self.finish("first", first)["on_workers"], 2, self.log("first"))


class EditedMeanwhile(HeldBuilds):
    def test_a_source_edited_after_it_was_read_is_compiled_again_at_once(self):
        self.begin({"build.sh": "$CC -c read.c -o read.o\n", "read.c": "int before;\n"})
        self.tools, self.plain_tools = {"CC": f"{program('extfarm-cc')} {self.compiler}"}, {"CC": self.compiler}
        self.close_gate()
        first = self.start("first", program("extfarm"), "run", "--", "sh", "build.sh", **self.tools)
        self.wait_for_held(first, 1)
        self.write("read.c", "int after;\n")
        self.open_gate()
        self.assertEqual(first.wait(60), 0, self.log("first"))
        self.assertIn(b"after", self.built()["read.o"])
        self.assertIn("read.c changed on that host while the command ran", self.log("first"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
