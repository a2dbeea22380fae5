"""`extfarm workers slurm` against a real slurmctld and three slurmd, each on a host of its own."""

import glob
import json
import os
import re
import signal
import sys
import unittest

import hosts
import slurm_cluster
from farm import contents, last_build, program
from hosts import SHARED, Lab, descendants, wait_until, words_of
from slurm_cluster import SlurmCluster

NODES = ("w1", "w2", "w3")
PROJECT = SHARED + "/project"
# A compile of held*.c, and a second attempt at it elsewhere, does not begin while the gate of that source is there.
GATED_COMPILER = f"""#!/bin/sh
source=${{*#*-c }}
case "$*" in *"-c held"*) while [ -e {SHARED}/gate.${{source%% *}} ]; do sleep 0.05; done ;; esac
exec /usr/bin/gcc "$@"
"""
COMPILER = SHARED + "/tools/gcc"
# A slot for each step, a look at the queue twice a second: what takes minutes in a cluster takes seconds here.
QUICK = ("--slots", "2", "--horizon", "0.01", "--look", "0.5", "--idle", "1",
         "--worker-option=--trust", f"--worker-option={SHARED}/tools", "--worker-option=--trust", "--worker-option=/usr")


def graph(count):
    names = [f"held{number}" for number in range(count)]
    actions = [{"argv": [COMPILER, "-c", f"{n}.c", "-o", f"{n}.o"], "inputs": [f"{n}.c"], "outputs": [f"{n}.o"]} for n in names]
    actions.append({"argv": [COMPILER, "-r", "-nostdlib", *(f"{n}.o" for n in names), "-o", "all.o"], "kind": "link",
                    "inputs": [f"{n}.o" for n in names], "outputs": ["all.o"]})
    return {"graph.json": json.dumps({"schema": 1, "environment": {"PATH": "/usr/bin:/bin"}, "actions": actions}),
            "Makefile": "all.o: {0}\n\t$(CC) -r -nostdlib {0} -o $@\n%.o: %.c\n\t$(CC) -c $< -o $@\n".format(" ".join(f"{n}.o" for n in names)),
            **{f"{n}.c": f"int {n}(int x) {{ return x + {len(n)}; }}\n" for n in names}}


class Slurm(unittest.TestCase):
    def setUp(self):
        self.lab = Lab("head", *NODES)
        self.addCleanup(self.lab.__exit__)
        self.slurm = SlurmCluster(self.lab, "head", NODES, cpus=2)
        self.head = self.lab["head"]
        self.write("tools/gcc", GATED_COMPILER)
        os.chmod(self.lab.path("tools", "gcc"), 0o755)

    def write(self, name, text):
        path = self.lab.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)

    def lay_out(self, count):
        """A project anew, and what the plain commands make of it."""
        files = graph(count)
        self.sources = [name for name in files if name.endswith(".c")]
        for old in glob.glob(self.lab.path("project", "*.[co]")):
            os.remove(old)
        for name, text in files.items():
            self.write("project/" + name, text)
        for action in json.loads(files["graph.json"])["actions"]:
            done = self.head.run("/usr/bin/gcc", *action["argv"][1:], cwd=PROJECT)
            self.assertEqual(done.returncode, 0, done.stderr)
        self.expected = self.built()
        for name in self.expected:
            os.remove(self.lab.path("project", name))

    def built(self):
        return contents(self.lab.path("project"), ".o")

    def keep(self, *words):
        return self.head.start(program("extfarm"), "workers", "slurm", *words, cwd=PROJECT, SLURM_CONF=self.slurm.config)

    def build_words(self, *options):
        return (program("extfarm"), "build", "--manifest", "graph.json", "--local", "2", "--no-store", "--force", *options)

    def begin_build(self):
        return self.head.start(*self.build_words(), cwd=PROJECT)

    def close_gate(self):
        for source in self.sources:
            self.write("gate." + source, "")

    def open_gate(self, but_for=()):
        for gate in glob.glob(self.lab.path("gate.*")):
            if gate.rpartition("gate.")[2] not in but_for:
                os.remove(gate)

    def held_on(self, node):
        """The sources whose compiles wait there at the gate."""
        commands = (words_of(pid) for pid, name in descendants(self.lab[node].pid) if name == "gcc")
        return [words[words.index("-c") + 1] for words in commands if "-c" in words]

    def wait_for_held(self, build, *nodes):
        wait_until(lambda: build.ended() or all(len(self.held_on(node)) == 2 for node in nodes),
                   lambda: f"two held compiles on {nodes}: {build.output()} {self.keeper.output()} {self.slurm.jobs()}", 30)
        self.assertFalse(build.ended(), build.output())

    def finish(self, build):
        self.assertEqual(build.wait(60), 0, build.output())
        self.assertEqual(self.built(), self.expected)
        return last_build(self.lab.path("project"))

    def beacons(self):
        return glob.glob(self.lab.path("home", ".extfarm", "workers", "*.json"))

    def assert_nothing_is_left(self):
        self.assertEqual(self.slurm.jobs(), [])
        left = [path for path in glob.glob(self.lab.path("home", ".extfarm", "**"), recursive=True) if not path.endswith(
            (".key", "authorized_keys", "/tools.head", "/jobs", "/jobs/ninja"))]  # the last two are `--jobs auto`'s
        self.assertEqual(sorted(os.path.basename(path.rstrip("/")) for path in left), [".extfarm", "workers"])
        for node in NODES:
            self.assertNotIn("extfarm-worker", [name for _, name in descendants(self.lab[node].pid)])

    def test_workers_come_with_the_work_and_go_with_it(self):
        self.lay_out(8)
        self.keeper = self.keep("--max", "3", *QUICK)
        self.close_gate()
        build = self.begin_build()
        self.wait_for_held(build, *NODES)
        self.assertEqual(len(self.slurm.running()), 3)
        status = self.head.run(program("extfarm"), "status").stdout
        self.assertRegex(status, r"w1 +tcp://w1:\d+ +2 slots +\S+  slurm:extfarm-root-[0-9a-f]{8}:\d+_\d\.0\n")
        # With the rest this host could go on alone: who is idle is given back, who is not stays.
        (busy,) = self.slurm.running("w3")
        self.open_gate(but_for=self.held_on("w3"))
        wait_until(lambda: self.running_nodes() == {node for node in NODES if self.held_on(node)} != set(NODES),
                   lambda: f"the end of the idle ones: {self.slurm.jobs()} {self.keeper.output()} {build.output()}")
        self.assertIn(busy, self.slurm.running())
        self.assertNotIn("draining", self.log_of(busy))
        self.open_gate()
        told = self.finish(build)
        self.assertEqual((told["actions"]["retried"], {w["host"] for w in told["workers"]}), (0, {"head", *NODES}))
        wait_until(lambda: not self.slurm.jobs() and not self.beacons(), lambda: f"the end of idle workers: {self.keeper.output()}", 30)
        self.assertFalse(self.keeper.ended())

        # Ended while compiles run: the workers let them end.
        self.close_gate()
        build = self.begin_build()
        self.wait_for_held(build, *NODES)
        self.keeper.signal(signal.SIGINT)
        wait_until(lambda: all("draining" in self.log_of(job) for job in self.slurm.running()), "drain")
        self.assertEqual(len(self.slurm.running()), 3)
        self.assertFalse(self.keeper.ended())
        self.open_gate()
        self.assertEqual(self.finish(build)["actions"]["retried"], 0)
        self.assertEqual(self.keeper.wait(30), 0, self.keeper.output())
        self.assert_nothing_is_left()

    def running_nodes(self):
        return {node for _, state, node in self.slurm.jobs() if state == "RUNNING"}

    def log_of(self, job):
        with open(self.lab.path("home", ".extfarm", "slurm", job + ".log"), encoding="utf-8") as file:
            return file.read()

    def test_a_build_around_which_workers_are_kept(self):
        # A make that follows the farm counts on workers that are still to come: else it would never show that it needs them.
        self.lay_out(7)
        self.close_gate()
        self.slurm.run("scontrol", "update", "nodename=ALL", "state=drain", "reason=test")
        self.keeper = self.keep("--max", "3", *QUICK, "--", program("extfarm"), "run", "--jobs", "auto", "--local", "1", "--no-store",
                                "--", "make", f"CC={program('extfarm-cc')} {COMPILER}")
        wait_until(lambda: self.width() == 7, lambda: f"seven steps under way: {self.keeper.output()}")
        self.slurm.run("scontrol", "update", "nodename=ALL", "state=resume")
        self.wait_for_held(self.keeper, *NODES)
        self.open_gate()
        self.assertEqual(self.keeper.wait(60), 0, self.keeper.output())
        self.assertEqual(self.built(), self.expected)
        self.assertIn("asked Slurm for", self.keeper.output())
        self.assert_nothing_is_left()

        # Killed while its workers run: the next one finds them.
        self.lay_out(8)
        self.close_gate()
        self.keeper = self.keep("--max", "3", *QUICK)
        build = self.begin_build()
        self.wait_for_held(build, *NODES)
        refused = self.head.run(program("extfarm"), "workers", "slurm", "--max", "1", SLURM_CONF=self.slurm.config)
        self.assertEqual(refused.returncode, 75)
        self.assertRegex(refused.stderr, r"are kept already \(pid \d+ on head, since")
        self.keeper.signal(signal.SIGKILL)
        self.keeper.wait()
        self.keeper = self.keep("--max", "3", *QUICK)
        wait_until(lambda: "found 3 workers of an earlier call" in self.keeper.output(), "adoption")
        self.open_gate()
        self.assertEqual(self.finish(build)["actions"]["retried"], 0)
        self.keeper.signal(signal.SIGTERM)
        self.assertEqual(self.keeper.wait(30), 0, self.keeper.output())
        self.assertNotIn("asked", self.keeper.output())
        self.assert_nothing_is_left()

    def width(self):
        """How many steps of a build run or could run."""
        for path in glob.glob(self.lab.path("home", ".extfarm", "workers", "demand", "*.json")):
            with open(path, encoding="utf-8") as file:
                return json.load(file)["width"]
        return None

    def test_what_slurm_refuses_and_who_cannot_start_is_said_once(self):
        self.lay_out(4)
        for options, words in ((("--partition", "short", "--time", "2:00:00"), r"sbatch says: .*time limit.*; going on without more"),
                               (("--worker-option=--nonsense",), r"a worker could not start \(job \d+_0, (\S+)\): .*--nonsense")):
            self.keeper = self.keep("--max", "1", *QUICK, *options)
            wait_until(lambda: glob.glob(self.lab.path("home", ".extfarm", "workers", "demand", "offer")), "offer")
            self.close_gate()
            build = self.begin_build()
            wait_until(lambda: re.search(words, self.keeper.output()), lambda: f"{words}: {self.keeper.output()}")
            self.open_gate()
            self.finish(build)
            self.keeper.signal(signal.SIGTERM)
            self.assertEqual(self.keeper.wait(30), 0, self.keeper.output())
            self.assertEqual(len(re.findall(words, self.keeper.output())), 1, self.keeper.output())
        log = re.search(words, self.keeper.output())[1]
        self.assertEqual(os.listdir(self.lab.path("home", ".extfarm", "slurm")), [os.path.basename(log)])

    def test_preempted_requeued_and_killed(self):
        self.lay_out(8)
        # Slurm lets a requeued job wait for a while; there is room for another in its place.
        self.keeper = self.keep("--max", "5", *QUICK)

        def build_through(event, node):
            self.close_gate()
            build = self.begin_build()
            self.wait_for_held(build, *NODES)
            event(node)
            wait_until(lambda: not self.held_on(node), lambda: f"end of what ran on {node}: {self.slurm.jobs()}")
            self.open_gate()
            told = self.finish(build)
            # Of two that ran there one may have had a second attempt elsewhere already.
            self.assertGreaterEqual(told["actions"]["retried"], 1, f"what ran on {node} ran again")
            self.assertEqual((told["actions"]["failed"], told["rejected"]["inputs_differ"]), (0, 0))
            print(f"[ figure   ] {event.__name__}: {told['seconds']['wall']:.1f} s", flush=True)

        def preempted(node):
            self.assertTrue(self.slurm.held_by(node, 1))

        def requeued(node):
            self.slurm.run("scontrol", "requeue", self.slurm.running(node)[0])

        def killed(node):
            # Its slurmd first: Slurm requeues the job while the worker lives and its compiles run.  By itself
            # Slurm would find out after half a minute.
            self.slurm.daemons[node].signal(signal.SIGKILL)
            self.slurm.run("scontrol", "update", f"nodename={node}", "state=down", "reason=killed")
            wait_until(lambda: not self.slurm.running(node), lambda: f"Slurm to notice: {self.slurm.jobs()}")
            self.assertEqual(len(self.held_on(node)), 2)
            self.lab[node].switch_off()

        build_through(preempted, "w1")
        build_through(requeued, "w2")
        build_through(killed, "w3")
        self.keeper.signal(signal.SIGTERM)
        self.assertEqual(self.keeper.wait(30), 0, self.keeper.output())
        self.assert_nothing_is_left()


if __name__ == "__main__":
    if slurm_cluster.why_not():
        print(f"SKIPPED, no Slurm was tried: {slurm_cluster.why_not()}", file=sys.stderr)
        sys.exit(77)
    hosts.main_or_say_why_not()
