"""The main job on three hosts: one dies in mid-build, one comes late, and not a byte differs."""

import shutil
import signal
import time
import unittest

import hosts
from farm import BUILD, contents, lay_out_cython, last_build, program, spans, start_worker
from hosts import SHARED, Lab, wait_until

PROJECT = SHARED + "/cython"
MODULES = ["Cython.Plex.Scanners", "Cython.Plex.Actions", "Cython.Plex.Machines", "Cython.Plex.Regexps",
           "Cython.Plex.Transitions", "Cython.Tempita._tempita"]
# Every field of the document, with the type that scripts rely on.
FIELDS = {
    "schema": int, "status": str, "exit_code": int,
    "actions": {"total": int, "fresh": int, "restored": int, "on_workers": int, "passed_through": int, "failed": int, "retried": int,
                "backups": int},
    "seconds": {"wall": float, "run_total": float, "critical_path": float, "lower_bound": float, "local": float,
                "probes": float, "command_cpu": float},
    "slot_seconds": {"work": float, "critical_path": float, "nothing_ready": float, "dispatch": float, "memory": float,
                     "retries": float, "transfers": float, "absent": float},
    "farmed_share": float, "local": list, "efficiency": float, "slots": int, "coordinator_cpu_seconds": float, "bytes_returned": int,
    "dispatch_ms": {"p50": float, "p99": float}, "rejected": {"inputs_differ": int, "toolchain_differs": int},
    "inputs_changed": int, "compared": {"repeated": int, "agreed": int, "differed": int, "not_reproducible": int, "unanswered": int,
                                        "wrong_results": int},
    "workers": [{"id": str, "host": str, "slots": int, "actions": int, "run_seconds": float, "quarantined": bool,
                 "speed": float, "joined_seconds": float}]}


def shape(value, like):
    """The types of a document, along those of FIELDS."""
    if isinstance(like, dict):
        return {key: shape(value[key], like.get(key)) for key in value}
    if isinstance(like, list):
        return [shape(one, like[0]) for one in value][:1]
    return type(value)


class ThreeHosts(unittest.TestCase):
    def setUp(self):
        self.lab = Lab("head", "one", "two", "three")
        self.addCleanup(self.lab.__exit__)
        self.folder = self.lab.path("cython")

    def plain_build(self):
        lay_out_cython(self.folder, *MODULES)
        began = time.monotonic()
        plain = self.lab["head"].run(*BUILD, cwd=PROJECT)
        self.assertEqual(plain.returncode, 0, plain.stderr)
        print(f"[ figure   ] plain serial build: {time.monotonic() - began:.1f} s", flush=True)
        expected = contents(self.folder, ".c", ".o", ".so")
        shutil.rmtree(self.folder)
        lay_out_cython(self.folder, *MODULES)
        return expected

    def test_one_dies_and_one_comes_late(self):
        expected = self.plain_build()
        one = start_worker(self.lab["one"], 1)
        two = start_worker(self.lab["two"], 1)
        build = self.lab["head"].start(program("extfarm"), "run", "-v", "--local", "0", "--", *BUILD, cwd=PROJECT)

        def busy(worker, what):
            return wait_until(lambda: build.ended() or what in worker.names(), f"{what} on {worker.log}")

        busy(one, "python3")
        three = start_worker(self.lab["three"], 1)
        busy(three, "python3")
        busy(two, "cc1")
        self.assertFalse(build.ended(), build.output())
        two.signal(signal.SIGKILL)
        self.assertEqual(build.wait(), 0, build.output())

        found = contents(self.folder, ".c", ".o", ".so")
        self.assertEqual(sorted(found), sorted(expected))
        self.assertEqual([name for name in expected if found[name] != expected[name]], [])
        self.assertEqual(len([name for name in found if name.startswith("Cython/") and name.endswith(".so")]), len(MODULES))
        self.check_figures(last_build(self.folder), three)
        self.check_pipeline(spans(self.folder))
        print(build.output()[-900:])

    def test_a_verification_on_a_worker_of_another_host(self):
        lay_out_cython(self.folder, *MODULES[:2])
        start_worker(self.lab["one"], 2)
        done = self.lab["head"].run(program("extfarm"), "verify", "--local", "0", "--", *BUILD, cwd=PROJECT)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("The same, to the byte.", done.stdout)
        told = last_build(self.folder)
        self.assertEqual((told["actions"]["on_workers"], told["workers"][0]["host"]), (6, "one"))

    def check_figures(self, told, late):
        self.assertEqual(shape(told, FIELDS), FIELDS)
        self.assertEqual((told["schema"], told["status"], told["exit_code"]), (1, "ok", 0))
        actions, workers = told["actions"], told["workers"]
        self.assertEqual(actions["total"], 3 * len(MODULES))
        self.assertEqual(actions["on_workers"], 3 * len(MODULES))
        self.assertEqual((actions["fresh"], actions["failed"], actions["passed_through"]), (0, 0, 0))
        self.assertGreaterEqual(actions["retried"], 1, "what ran on the dead worker ran again")
        self.assertEqual(sorted(worker["host"] for worker in workers), ["one", "three", "two"])
        self.assertEqual(sum(worker["actions"] for worker in workers), actions["total"])
        self.assertGreater([w for w in workers if w["host"] == "three"][0]["actions"], 0, late.output())
        seconds = told["seconds"]
        self.assertAlmostEqual(sum(worker["run_seconds"] for worker in workers), seconds["run_total"], delta=0.5)
        speeds = [worker["speed"] for worker in workers]  # the chain might have run on the fastest host
        self.assertGreaterEqual(seconds["lower_bound"], seconds["critical_path"] * min(speeds) / max(speeds) - 1e-6)
        self.assertGreater(seconds["critical_path"], 0)
        self.assertLessEqual(seconds["lower_bound"], seconds["wall"])
        self.assertTrue(0 < told["efficiency"] <= 1, told["efficiency"])
        self.assertEqual(told["rejected"], {"inputs_differ": 0, "toolchain_differs": 0})
        self.assertGreater(told["bytes_returned"], sum(map(len, contents(self.folder, ".so").values())))
        self.assertTrue(0 < told["dispatch_ms"]["p50"] <= told["dispatch_ms"]["p99"])

    # No barrier: some compile began while some transpile still ran.
    def check_pipeline(self, attempts):
        def of(kind):
            return [a for a in attempts if a["cat"] == kind]
        first_compile = min(a["ts"] for a in of("compile"))
        last_transpile = max(a["ts"] + a["dur"] for a in of("cythonize"))
        self.assertLess(first_compile, last_transpile)


if __name__ == "__main__":
    hosts.main_or_say_why_not()
