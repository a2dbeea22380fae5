"""`extfarm doctor` on the hosts of a lab: each thing that is wrong is named, on the host where it is, with its remedy."""

import glob
import json
import os
import signal
import unittest

import hosts
from clocks import off
from farm import program, start_worker
from hosts import LOCAL, SHARED, Lab, wait_until

PROJECT = SHARED + "/project"
OK, PROBLEMS_OF_WORKERS, CONFIGURATION = 0, 75, 78


class Doctor(unittest.TestCase):
    def setUp(self):
        self.lab = Lab("head", "one", "two")
        self.addCleanup(self.lab.__exit__)
        os.makedirs(self.lab.path("project"))

    def start_workers(self, *names, options=()):
        started = [start_worker(self.lab[name], 2, *options) for name in names]
        wait_until(lambda: len(self.beacons()) >= len(names), "the workers' beacons")
        return started

    def beacons(self):
        return glob.glob(self.lab.path("home", ".extfarm", "workers", "*.json"))

    def on(self, host, script):
        done = self.lab[host].run("sh", "-ec", script)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def ask(self, *options, **variables):
        """(exit code, findings), of the folder of the project."""
        done = self.lab["head"].run(program("extfarm"), "doctor", "--json", *options, cwd=PROJECT, **variables)
        self.assertEqual(os.listdir(self.lab.path("project")), [], "what it made there is left")
        self.assertEqual(done.stderr, "")
        told = json.loads(done.stdout)
        self.assertEqual(told["exit_code"], done.returncode)
        for finding in told["findings"]:
            self.assertEqual(finding["remedy"] == "", finding["level"] == "ok", finding)
        return done.returncode, told["findings"]

    def wrong(self, findings, level="problem"):
        return [(finding["where"], finding["subject"], finding["what"]) for finding in findings if finding["level"] == level]

    def remedies(self, findings):
        return " ".join(finding["remedy"] for finding in findings)

    def test_a_healthy_farm(self):
        self.start_workers("one", "two")
        code, findings = self.ask()
        self.assertEqual((code, self.wrong(findings)), (OK, []))
        for where in ("one", "two"):
            said = {finding["subject"]: finding["what"] for finding in findings if finding["where"] == where}
            self.assertIn(f"sees {PROJECT} as this host does", said["folder"])
            self.assertIn("gcc, g++", said["tools"])
            self.assertIn("2 of its 2 slots", said["slots"])
            self.assertIn("private views", said["view"])
            self.assertIn(LOCAL + "/scratch", said["scratch"])
            self.assertIn("agrees", said["clock"])
        text = self.lab["head"].run(program("extfarm"), "doctor", PROJECT)
        self.assertEqual(text.returncode, OK)
        self.assertEqual(len(text.stdout.splitlines()), len(findings) + 1, text.stdout)
        self.assertIn("no problem, ", text.stdout.splitlines()[-1])

    def test_no_worker_at_all(self):
        code, findings = self.ask()
        self.assertEqual(code, OK)
        self.assertIn("rendezvous", [subject for _, subject, _ in self.wrong(findings, "warning")])

    def test_an_unknown_key(self):
        self.start_workers("one", "two")
        code, findings = self.ask("--key-folder", SHARED + "/other")
        self.assertEqual(code, CONFIGURATION)
        self.assertEqual([(where, subject) for where, subject, _ in self.wrong(findings)],
                         [("one", "connection"), ("two", "connection")], findings)
        with open(self.lab.path("other", "client.key"), encoding="utf-8") as file:
            self.assertIn(file.readline().strip(), self.remedies(findings))

    def test_a_secret_key_that_others_can_read(self):
        self.ask()
        os.chmod(self.lab.path("home", ".extfarm", "client.key"), 0o644)
        code, findings = self.ask()
        self.assertEqual(code, CONFIGURATION)
        self.assertIn("chmod 600", self.remedies(findings))

    def test_another_assembler_on_one_host(self):
        self.on("one", f"cp $(readlink -f /usr/bin/as) {LOCAL}/as; printf x >> {LOCAL}/as; "
                       f"mount --bind {LOCAL}/as $(readlink -f /usr/bin/as)")
        self.start_workers("one", "two")
        code, findings = self.ask("--compiler", "gcc")
        self.assertEqual(code, PROBLEMS_OF_WORKERS)
        assembler = os.path.realpath("/usr/bin/as")
        self.assertEqual(self.wrong(findings), [("one", "tools", f"gcc is another one: {assembler} differs")], findings)

    def test_a_folder_that_is_not_mounted_on_one_host(self):
        self.on("one", f"mkdir {LOCAL}/without; cp -a {SHARED}/home {LOCAL}/without; mount --bind {LOCAL}/without {SHARED}; "
                       f"ls {SHARED}")
        self.start_workers("two")
        start_worker(self.lab["one"], 2, "--rendezvous", LOCAL + "/workers", "--key-folder", LOCAL + "/keys")
        found = wait_until(lambda: glob.glob(f"/proc/{self.lab['one'].pid}/root{LOCAL}/workers/*.json"), "the beacon of one")
        self.on("one", f"cat {LOCAL}/keys/worker.key > /dev/null")
        self.carry_over(found[0])
        code, findings = self.ask()
        self.assertEqual(code, PROBLEMS_OF_WORKERS)
        self.assertEqual(self.wrong(findings), [("one", "folder", f"there is no folder {PROJECT}")], findings)

    def carry_over(self, beacon):
        """What the host would have written, had it the shared folder: its beacon; and this user's key is admitted there."""
        with open(beacon, encoding="utf-8") as file:
            text = file.read()
        with open(self.lab.path("home", ".extfarm", "workers", os.path.basename(beacon)), "w", encoding="utf-8") as file:
            file.write(text)
        with open(self.lab.path("home", ".extfarm", "client.key"), encoding="utf-8") as file:
            self.on("one", f"echo '{file.readline().strip()}' >> {LOCAL}/keys/authorized_keys; sleep 3")

    def test_another_folder_in_its_place_on_one_host(self):
        self.on("one", f"mkdir {LOCAL}/other; mount --bind {LOCAL}/other {PROJECT}")
        self.start_workers("one", "two")
        code, findings = self.ask()
        self.assertEqual(code, PROBLEMS_OF_WORKERS)
        self.assertEqual([(where, subject) for where, subject, _ in self.wrong(findings)], [("one", "folder")], findings)
        self.assertIn("a file made here is not there", self.wrong(findings)[0][2])

    def test_the_beacon_of_a_dead_worker(self):
        dead, _ = self.start_workers("one", "two")
        dead.signal(signal.SIGKILL)
        dead.wait()
        stale = next(path for path in self.beacons() if os.path.basename(path).startswith("one-"))
        code, findings = self.ask()
        self.assertEqual(code, PROBLEMS_OF_WORKERS)
        self.assertEqual([(where, subject) for where, subject, _ in self.wrong(findings)], [("one", "connection")], findings)
        self.assertIn(os.path.basename(stale), self.remedies(findings))

        start_worker(self.lab["one"], 2)  # at the same endpoint
        wait_until(lambda: len(self.beacons()) == 3, "the beacon of the new worker")
        code, findings = self.ask()
        self.assertEqual((code, self.wrong(findings)), (OK, []))
        self.assertIn("another one answers", " ".join(what for _, _, what in self.wrong(findings, "warning")))

    def test_a_host_that_is_off(self):
        self.start_workers("one", "two")
        self.lab["one"].switch_off()
        code, findings = self.ask()
        self.assertEqual(code, PROBLEMS_OF_WORKERS)
        self.assertEqual([(where, subject) for where, subject, _ in self.wrong(findings)], [("one", "connection")], findings)

    def test_a_worker_that_hangs(self):
        stopped, _ = self.start_workers("one", "two")
        hung = next(path for path in self.beacons() if os.path.basename(path).startswith("one-"))
        stopped.signal(signal.SIGSTOP)
        self.addCleanup(stopped.signal, signal.SIGCONT)
        code, findings = self.ask()
        self.assertEqual(code, PROBLEMS_OF_WORKERS)
        self.assertEqual([(where, subject) for where, subject, _ in self.wrong(findings)], [("one", "connection")], findings)
        self.assertIn("answers no greeting", self.wrong(findings)[0][2])
        self.assertIn(hung.replace(self.lab.shared, SHARED), self.remedies(findings))

    def test_a_worker_without_the_key_of_its_beacon(self):
        self.start_workers("one")
        self.ask("--key-folder", SHARED + "/other")
        with open(self.lab.path("other", "worker.key"), encoding="utf-8") as file:
            other = file.readline().strip()
        with open(self.beacons()[0], encoding="utf-8") as file:
            beacon = json.load(file)
        with open(self.beacons()[0], "w", encoding="utf-8") as file:
            json.dump({**beacon, "public_key": other}, file)
        code, findings = self.ask()
        self.assertEqual(code, PROBLEMS_OF_WORKERS)
        self.assertIn("did not prove the key", self.wrong(findings)[0][2])

    def test_another_protocol_version(self):
        self.start_workers("one")
        with open(self.beacons()[0], encoding="utf-8") as file:
            beacon = json.load(file)
        beacon["protocol_version"] -= 1
        with open(self.beacons()[0], "w", encoding="utf-8") as file:
            json.dump(beacon, file)
        code, findings = self.ask()
        self.assertEqual(code, PROBLEMS_OF_WORKERS)
        self.assertEqual([(where, subject) for where, subject, _ in self.wrong(findings)], [("one", "connection")], findings)
        self.assertIn(f"speaks protocol version {beacon['protocol_version']}", self.wrong(findings)[0][2])

    def test_a_clock_an_hour_off(self):
        start_worker(self.lab["two"], 2)
        self.lab["one"].start(*off("+1h"), program("extfarm-worker"), "--slots", "2", "--advertise", self.lab["one"].address,
                              "--scratch", LOCAL + "/scratch")
        wait_until(lambda: len(self.beacons()) == 2, "the workers' beacons")
        code, findings = self.ask()
        self.assertEqual((code, self.wrong(findings)), (OK, []))
        clocks = [(where, what) for where, subject, what in self.wrong(findings, "warning") if subject == "clock"]
        self.assertEqual([where for where, _ in clocks], ["one"], findings)
        self.assertRegex(clocks[0][1], r"its clock is (3599|360\d)\.\d s ahead of this host's")

    def test_a_folder_that_is_not_there_or_cannot_be_written(self):
        done = self.lab["head"].run(program("extfarm"), "doctor", SHARED + "/nowhere")
        self.assertEqual(done.returncode, 2)
        self.assertIn("there is no folder", done.stderr)
        code, findings = self.ask("/proc")
        self.assertEqual(code, CONFIGURATION)
        self.assertIn("no file can be made in /proc", " ".join(what for _, _, what in self.wrong(findings)))

    def test_direct_mode_is_named_with_its_reason(self):
        self.start_workers("one", options=("--view", "direct"))
        code, findings = self.ask()
        self.assertEqual((code, self.wrong(findings)), (OK, []))
        self.assertIn("asked for with --view direct", " ".join(what for _, _, what in self.wrong(findings, "warning")))

    def test_endpoints_that_are_named(self):
        self.start_workers("one")
        code, findings = self.ask(EXTFARM_WORKERS="tcp://10.77.0.2:7170 tcp://10.77.0.3:7170 tcp://nowhere:1 what")
        self.assertEqual(code, CONFIGURATION)
        wheres = [where for where, _, _ in self.wrong(findings)]
        self.assertEqual(wheres, ["tcp://10.77.0.3:7170", "tcp://nowhere:1", "what"], findings)


if __name__ == "__main__":
    hosts.main_or_say_why_not()
