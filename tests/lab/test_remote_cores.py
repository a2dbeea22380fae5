"""Many slots on three hosts, their cores played by a compiler that sleeps."""

import glob
import os
import random
import shutil
import unittest

import hosts
from farm import BUILD, contents, last_build, program, spans, start_worker
from hosts import SHARED, Lab

COUNT, SLOTS = 48, 6
MODULE = """#include <Python.h>
static struct PyModuleDef def = {PyModuleDef_HEAD_INIT, "NAME", 0, -1, 0};
PyMODINIT_FUNC PyInit_NAME(void) { return PyModule_Create(&def); }
"""
SETUP = """from setuptools import setup, Extension
setup(name="many", version="0", packages=[],
      ext_modules=[Extension(f"m{i}", [f"m{i}.c"]) for i in range(%d)])
""" % COUNT


class RemoteCores(unittest.TestCase):
    def setUp(self):
        self.lab = Lab("head", "one", "two", "three")
        self.addCleanup(self.lab.__exit__)
        tools = self.lab.path("tools")
        os.makedirs(tools + "/recording")
        shutil.copy(os.environ["SLEEPING_COMPILER"], tools + "/gcc")
        self.compiler = {"CC": SHARED + "/tools/gcc", "LDSHARED": "/usr/bin/gcc -shared"}

    def lay_out(self):
        folder = self.lab.path("many")
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        files = {"setup.py": SETUP, **{f"m{i}.c": MODULE.replace("NAME", f"m{i}") for i in range(COUNT)}}
        for name, text in files.items():
            with open(os.path.join(folder, name), "w", encoding="utf-8") as out:
                out.write(text)
        return folder

    # Heavy-tailed, as real compiles are.  Returns their sum.
    def write_times(self):
        chance, total = random.Random(3), 0.0
        recorded = sorted(glob.glob(self.lab.path("tools", "recording", "*.seconds")))
        self.assertEqual(len(recorded), COUNT)
        for path in recorded:
            seconds = min(chance.lognormvariate(-0.7, 0.6), 2.0)
            total += seconds
            with open(path, "w", encoding="utf-8") as out:
                out.write(f"{seconds:.3f}")
        return total

    def test_slots_of_three_hosts_work_side_by_side(self):
        folder = self.lay_out()
        plain = self.lab["head"].run(*BUILD, cwd=SHARED + "/many", **self.compiler)
        self.assertEqual(plain.returncode, 0, plain.stderr)
        expected = contents(folder, ".o", ".so")
        total = self.write_times()
        self.lay_out()
        for name in ("one", "two", "three"):
            start_worker(self.lab[name], SLOTS, "--trust", SHARED + "/tools", "--trust", "/usr")
        done = self.lab["head"].run(program("extfarm"), "run", "--local", "0", "--", *BUILD, cwd=SHARED + "/many",
                                    **self.compiler)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(contents(folder, ".o", ".so"), expected)

        told = last_build(folder)
        self.assertEqual(told["actions"]["on_workers"], 2 * COUNT, told)
        self.assertEqual(told["slots"], 3 * SLOTS)
        self.assertGreaterEqual(told["seconds"]["run_total"], total)
        compiles = [span for span in spans(folder) if span["cat"] == "compile"]
        by_worker = {}
        for span in compiles:
            by_worker.setdefault(span["pid"], []).append((span["ts"], span["ts"] + span["dur"]))
        self.assertEqual(len(by_worker), 3)
        together = [max(sum(a <= moment < b for a, b in times) for moment, _ in times) for times in by_worker.values()]
        self.assertGreater(sum(together), SLOTS, "more at once than one host can")
        # A span begins with the lease: as many again may wait in a worker's queue.
        self.assertLessEqual(max(together), 2 * SLOTS)
        print(f"[ figure   ] {total:.1f} s of sleeping compiles on {3 * SLOTS} slots: wall {told['seconds']['wall']:.1f} s, "
              f"best possible {told['seconds']['lower_bound']:.2f} s, efficiency {told['efficiency']:.2f}, "
              f"together {together}", flush=True)


if __name__ == "__main__":
    hosts.main_or_say_why_not()
