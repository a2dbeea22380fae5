"""A whole graph from a file, without Python: `extfarm build --manifest` and `--compdb`, with the real programs."""

import json
import os
import signal
import subprocess
import sys
import sysconfig
import unittest

from farm import contents, last_build, program
from graph_case import GraphBuild, gcc
from hosts import descendants, wait_until
from one_machine import OneMachine, c_project, processes_with

INCLUDE = sysconfig.get_paths()["include"]
# Makes config.h from the file `answer`, and notes in ran.txt that it ran.
MAKE_CONFIG = """#!/bin/sh
echo config >> ran.txt
echo "#define ANSWER $(sed 's/[^0-9]//g' answer)" > config.h
"""
FILES = {
    "answer": "41\n", "make-config": MAKE_CONFIG,
    "helper.h": "int helper(void);\n",
    "helper.c": '#include "helper.h"\n#include "config.h"\nint helper(void) { return ANSWER; }\n',
    "fast.pyx": 'cdef extern from "helper.h":\n    int helper()\ndef answer():\n    return helper() + 1\n',
    "extra.c": "int extra(void) { return 1; }\n",
}
GENERATOR = """#include <stdio.h>
int main(void) { return fputs("#define ANSWER 1\\n", fopen("made.h", "w")) < 0; }
"""


ACTIONS = [  # the last things first: their order is the farm's business
    {"id": "fast.so", "kind": "link", "group": "fast",
     "argv": ["gcc", "-shared", "obj/fast.o", "obj/helper.o", "-o", "fast.so"], "inputs": ["obj/fast.o", "obj/helper.o"],
     "outputs": ["fast.so"]},
    gcc("helper.c", "obj/helper.o", group="fast", after=["config"]),
    gcc("fast.c", "obj/fast.o", "-I" + INCLUDE, group="fast"),
    {"id": "transpile", "kind": "cythonize", "group": "fast", "argv": ["cython3", "-3", "fast.pyx"],
     "inputs": ["fast.pyx", "helper.h"], "outputs": ["fast.c"]},
    {"id": "config", "argv": ["./make-config"], "inputs": ["make-config", "answer"], "outputs": ["config.h"]},
    gcc("extra.c", "obj/extra.o", id="extra", default=False),
]


class Answer(GraphBuild):
    project = FILES
    actions = ACTIONS

    def answer(self):
        return subprocess.run([sys.executable, "-c", "import fast; print(fast.answer())"], cwd=self.folder,
                              capture_output=True, text=True, check=True).stdout.strip()


class Manifest(Answer):
    def test_a_generated_header_a_transpile_compiles_and_a_link_in_their_order(self):
        self.lay_out_graph()
        self.build_well()
        self.assertEqual(self.answer(), "42")
        self.assertEqual(self.ran(), (4, 1))
        self.assertFalse(self.exists("obj/extra.o"), "built although it is no default")

    def test_a_second_build_runs_nothing_and_starts_no_worker(self):
        self.lay_out_graph()
        self.build_well()
        made = contents(self.folder, ".o", ".so", ".c", ".h")
        home = self.home("untouched")
        done = self.build_well(home="untouched")
        self.assertEqual(self.ran(), (0, 0), done.stderr)
        self.assertIn("everything is up to date (5 actions, 0 run)", done.stderr)
        self.assertEqual(os.listdir(home), [], "keys are made when a worker is needed")
        self.assertEqual(contents(self.folder, ".o", ".so", ".c", ".h"), made)

    def test_an_edit_runs_only_what_it_reaches(self):
        self.lay_out_graph()
        self.build_well()
        for name, text, expected in (("helper.c", FILES["helper.c"] + "int more;\n", (2, 0)),  # compile, link
                                     ("helper.c", "// words\n" + FILES["helper.c"] + "int more;\n", (1, 0)),  # cut off
                                     ("answer", "the answer: 41\n", (0, 1)),  # the same config.h
                                     ("answer", "42\n", (2, 1)),
                                     ("fast.pyx", FILES["fast.pyx"] + "x = 1\n", (3, 0))):
            self.write(name, text)
            done = self.build_well()
            self.assertEqual(self.ran(), expected, f"{name}: {done.stderr}")
        self.assertEqual(self.answer(), "43")

    def test_a_changed_command_runs_and_so_does_a_step_whose_output_is_gone(self):
        self.lay_out_graph()
        self.build_well()
        with open(os.path.join(self.folder, "graph.json"), encoding="utf-8") as file:
            text = file.read()
        self.write("graph.json", text.replace('"-c", "helper.c"', '"-DMORE", "-c", "helper.c"'))
        self.build_well()
        self.assertEqual(self.ran(), (1, 0), "the object is the same: no link")
        os.remove(os.path.join(self.folder, "config.h"))
        self.build_well()
        self.assertEqual(self.ran(), (0, 1))
        self.assertTrue(self.exists("config.h"))

    def test_a_tool_that_the_graph_itself_makes_counts(self):
        use = {"argv": ["./generator"], "after": ["generator"], "outputs": ["made.h"]}
        link = {"id": "generator", "argv": ["gcc", "generator.o", "-o", "generator"], "inputs": ["generator.o"],
                "outputs": ["generator"]}
        self.lay_out_graph({"generator.c": GENERATOR}, [use, gcc("generator.c", "generator.o"), link])
        self.build_well()
        self.write("generator.c", GENERATOR.replace("ANSWER 1", "ANSWER 2"))
        self.build_well()
        self.assertEqual(self.ran(), (2, 1))
        self.assertEqual(contents(self.folder, ".h"), {"made.h": b"#define ANSWER 2\n"})

    def test_targets_are_outputs_ids_and_groups(self):
        for target, made, missing in (("obj/helper.o", "obj/helper.o", "fast.c"), ("transpile", "fast.c", "config.h"),
                                      ("fast", "fast.so", "obj/extra.o"), ("extra", "obj/extra.o", "config.h")):
            self.lay_out_graph()
            self.build_well(target)
            self.assertTrue(self.exists(made), target)
            self.assertFalse(self.exists(missing), target)

    def test_an_unknown_target_runs_nothing(self):
        self.lay_out_graph()
        done = self.build("nobody.o")
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("no step that makes nobody.o", done.stderr)
        self.assertFalse(self.exists("config.h"))

    def test_force_runs_everything(self):
        self.lay_out_graph()
        self.build_well()
        self.build_well("--force")
        self.assertEqual(self.ran(), (4, 1))

    def test_the_manifest_may_come_through_standard_input(self):
        self.lay_out_graph()
        for how in ("cat graph.json | {} build --manifest /dev/stdin", "{} build --manifest - < graph.json"):
            done = self.run_command("sh", "-c", how.format(program("extfarm")) + " 2>&1")
            self.assertEqual(done.returncode, 0, done.stdout)
        self.assertEqual(self.answer(), "42")
        self.assertEqual(self.ran(), (0, 0), done.stdout)


class Failures(Answer):
    def test_a_cycle_is_named_and_nothing_runs(self):
        self.lay_out_graph(actions=[gcc("x.c", "y.c", id="one"), gcc("y.c", "x.c", id="two")])
        done = self.build()
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("wait for each other", done.stderr)
        self.assertFalse(self.exists("y.c"))

    def test_a_missing_input_fails_by_name(self):
        self.lay_out_graph(actions=[gcc("nowhere.c", "nowhere.o"), *ACTIONS])
        done = self.build()
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("nowhere.c", done.stderr)

    def test_a_failing_compile_gives_its_exit_code_and_stops_what_follows(self):
        self.lay_out_graph({**FILES, "helper.c": "int helper = nothing;\n"})
        done = self.build("-j", "1")
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertEqual(done.stderr.count("‘nothing’ undeclared"), 1, done.stderr)
        self.assertFalse(self.exists("fast.so"))
        self.assertEqual(last_build(self.folder)["status"], "failed")

    def test_after_a_failure_nothing_more_is_begun(self):
        files = {f"f{number}.c": "int x;\n" for number in range(60)}
        bad = "int bad = nothing;\n" + "// words\n" * 20000  # the largest goes first
        self.lay_out_graph({**files, "bad.c": bad},
                           [gcc(name, "obj/" + name[:-1] + "o") for name in [*files, "bad.c"]])
        done = self.build("-j", "1")
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertLess(len(contents(self.folder, ".o")), 30)

    def test_keep_going_builds_all_that_does_not_need_it(self):
        self.lay_out_graph({**FILES, "helper.c": "int helper = nothing;\n"})
        done = self.build("--keep-going", "-j", "1")
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertTrue(self.exists("obj/fast.o"))
        self.assertFalse(self.exists("fast.so"))
        self.assertIn("1 steps were not built", done.stderr)
        self.write("helper.c", FILES["helper.c"])
        self.build_well()
        self.assertEqual(self.ran(), (2, 0))

    def test_a_failing_local_step_gives_its_exit_code(self):
        self.lay_out_graph({**FILES, "make-config": "#!/bin/sh\nexit 7\n"})
        done = self.build()
        self.assertEqual(done.returncode, 7, done.stderr)
        self.assertFalse(self.exists("obj/helper.o"))
        self.assertEqual(last_build(self.folder)["actions"]["failed"], 1)

    def test_a_step_that_does_not_make_what_it_declares_has_failed(self):
        self.lay_out_graph({**FILES, "make-config": "#!/bin/sh\nexit 0\n"})
        done = self.build()
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("config.h was not made by the command that declares it", done.stderr)
        self.assertFalse(self.exists("obj/helper.o"))

    def test_a_compile_that_does_not_make_what_it_declares_has_failed(self):
        lies = gcc("extra.c", "obj/extra.o")
        lies["outputs"].append("obj/extra.lst")
        self.lay_out_graph(actions=[lies])
        done = self.build()
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("obj/extra.lst was not made by the command that declares it", done.stderr)

    def test_without_a_local_worker_it_builds_here(self):
        self.lay_out_graph()
        self.build_well("--local", "0")
        self.assertEqual((self.answer(), self.ran()), ("42", (0, 5)))


class Interrupted(Answer):
    def start_slow(self, seconds):
        """A build whose config step has ended and whose compile of slow.c runs, for that long."""
        compiler = self.slow_compiler(seconds)
        slow = {"argv": [compiler, "-fPIC", "-c", "slow.c", "-o", "obj/slow.o"], "inputs": ["slow.c"],
                "outputs": ["obj/slow.o"], "after": ["config"]}
        self.lay_out_graph({**FILES, "slow.c": "int slow;\n"}, [slow, *ACTIONS])
        build = self.start("build", program("extfarm"), "build", "--manifest", "graph.json", "-j", "2")
        wait_until(lambda: processes_with(seconds), lambda: f"slow compile: {self.log('build')}")
        wait_until(lambda: self.exists("fast.so"), "all the others")
        return build

    def test_ctrl_c_ends_every_compile_and_the_next_build_goes_on(self):
        mark = f"973.{os.getpid()}"
        build = self.start_slow(mark)
        os.killpg(build.pid, signal.SIGINT)
        self.assertEqual(build.wait(20), 128 + signal.SIGINT)
        wait_until(lambda: not processes_with(mark), "end of the compile", 10)
        self.assertEqual(last_build(self.folder)["status"], "cancelled")
        self.assertFalse(self.exists("obj/slow.o"))
        self.slow_compiler("0")
        self.build_well()
        self.assertEqual(self.ran(), (1, 0))

    def test_killed_in_mid_build_the_next_one_runs_only_what_was_not_published(self):
        mark = f"974.{os.getpid()}"
        build = self.start_slow(mark)
        # Between a file's publication and its record a kill costs one more run.
        wait_until(lambda: "now: up to date" in self.run_command(program("extfarm"), "explain", "fast.so").stdout, "record of the link")
        below = [pid for pid, _ in descendants(build.pid)]
        os.kill(build.pid, signal.SIGKILL)
        build.wait()
        wait_until(lambda: not any(os.path.exists(f"/proc/{pid}/exe") for pid in below), "end of the worker")
        self.slow_compiler("0")
        self.build_well()
        self.assertEqual(self.ran(), (1, 0))
        self.assertEqual(self.answer(), "42")


class CompilationDatabase(Answer):
    def database(self):
        with open(os.path.join(self.folder, ".extfarm", "compile_commands.json"), encoding="utf-8") as file:
            return json.load(file)

    def test_what_a_run_wrote_builds_the_same_objects(self):
        self.lay_out(c_project("one", "two"))
        done = self.run_build()
        self.assertEqual(done.returncode, 0, done.stderr)
        objects = contents(self.folder, ".o")
        self.assertEqual(len(objects), 2)
        for name in objects:
            os.remove(os.path.join(self.folder, name))
        graph = ("--compdb", ".extfarm/compile_commands.json")
        self.build_well(graph=graph)
        self.assertEqual((contents(self.folder, ".o"), self.ran()), (objects, (2, 0)))
        self.build_well(graph=graph)
        self.assertEqual(self.ran(), (0, 0))

    def test_it_has_what_clang_asks_for(self):
        self.lay_out_graph()
        self.build_well()
        entries = {os.path.basename(entry["file"]): entry for entry in self.database()}
        self.assertEqual(set(entries), {"helper.c", "fast.c"})
        for name, entry in entries.items():
            self.assertEqual(set(entry), {"directory", "file", "output", "arguments"})
            self.assertEqual(entry["directory"], self.folder)
            self.assertEqual(entry["file"], os.path.join(self.folder, name))
            self.assertEqual(entry["arguments"][0], "gcc")
            alone = subprocess.run([*entry["arguments"], "-fsyntax-only"], cwd=entry["directory"], check=False)
            self.assertEqual(alone.returncode, 0)

    def test_it_lists_what_was_up_to_date_or_ran_here_and_drops_what_is_gone(self):
        self.lay_out_graph()
        self.build_well()
        os.remove(os.path.join(self.folder, ".extfarm", "compile_commands.json"))
        self.build_well()
        self.assertEqual(len(self.database()), 2)
        for name in ("obj", ".extfarm"):
            subprocess.run(["rm", "-r", os.path.join(self.folder, name)], check=True)
        self.build_well("--local", "0")
        self.assertEqual(len(self.database()), 2)
        os.rename(os.path.join(self.folder, "helper.c"), os.path.join(self.folder, "aide.c"))
        with open(os.path.join(self.folder, "graph.json"), encoding="utf-8") as file:
            text = file.read()
        self.write("graph.json", text.replace("helper.c", "aide.c").replace("helper.o", "aide.o"))
        self.build_well()
        self.assertEqual({os.path.basename(entry["file"]) for entry in self.database()}, {"aide.c", "fast.c"})


if __name__ == "__main__":
    unittest.main(verbosity=2)
