"""scripts/start-workers against real sshd on the hosts of a lab."""

import os
import subprocess
import unittest

import hosts
from farm import SOURCES, last_build, program
from hosts import LOCAL, SHARED, Lab, wait_until
from one_machine import c_project

SCRIPT = os.path.join(SOURCES, "scripts", "start-workers")
SSHD = """ListenAddress {address}
HostKey {shared}/ssh/host_key
AuthorizedKeysFile {shared}/ssh/key.pub
StrictModes no
UsePAM no
PermitRootLogin yes
PidFile none
SetEnv HOME={shared}/home
"""
CLIENT = """Host *
IdentityFile {shared}/ssh/key
IdentitiesOnly yes
StrictHostKeyChecking no
UserKnownHostsFile /dev/null
LogLevel ERROR
User root
"""


class StartWorkers(unittest.TestCase):
    def setUp(self):
        self.lab = Lab("head", "one", "two")
        self.addCleanup(self.lab.__exit__)
        os.makedirs(self.lab.path("ssh"))
        for name in ("host_key", "key"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.lab.path("ssh", name)], check=True)
        self.write("ssh/config", CLIENT.format(shared=SHARED))
        os.makedirs("/run/sshd", exist_ok=True)
        for name in ("one", "two"):
            self.write(f"ssh/sshd.{name}", SSHD.format(shared=SHARED, address=self.lab[name].address))
            server = self.lab[name].start("/usr/sbin/sshd", "-D", "-e", "-f", f"{SHARED}/ssh/sshd.{name}")
            wait_until(lambda: "Server listening" in server.output() or server.ended(), f"sshd on {name}")
            self.assertFalse(server.ended(), server.output())

    def write(self, name, text):
        with open(self.lab.path(name), "w", encoding="utf-8") as out:
            out.write(text)

    def hosts_file(self, *lines):
        self.write("hosts", "\n".join(lines) + "\n")

    def script(self, *options):
        """(exit code, what each host said)."""
        done = self.lab["head"].run(SCRIPT, SHARED + "/hosts", "--program", program("extfarm-worker"),
                                    "--ssh", f"ssh -F {SHARED}/ssh/config", *options)
        self.said = done.stdout + done.stderr
        return done.returncode, dict(line.split(None, 1) for line in done.stdout.splitlines())

    def beacons(self):
        folder = self.lab.path("home", ".extfarm", "workers")
        return os.listdir(folder) if os.path.isdir(folder) else []

    def addresses(self):
        return [f"{self.lab[name].address}" for name in ("one", "two")]

    def lines(self, *options):
        return [f"{address} --scratch {LOCAL}/scratch --advertise {address} " + " ".join(options) for address in self.addresses()]

    def test_workers_start_once_build_and_stop(self):
        one, two = self.addresses()
        self.hosts_file("# the lab", "* --slots 1", *self.lines())
        code, said = self.script()
        self.assertEqual(code, 0, self.said)
        self.assertRegex(said[one], rf"started, pid \d+, endpoint=tcp://{one}:7170 slots=1")
        again = self.script()[1]
        self.assertRegex(again[two], "runs already, pid")
        self.assertEqual(len(self.beacons()), 2)

        folder = self.lab.path("project")
        os.makedirs(folder)
        for name, text in c_project("a", "b", "c").items():
            self.write(os.path.join("project", name), text)
        done = self.lab["head"].run(program("extfarm"), "run", "--local", "0", "--", "/usr/bin/python3", "setup.py",
                                    "build_ext", "--inplace", cwd=SHARED + "/project")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual({worker["host"] for worker in last_build(folder)["workers"]}, {"one", "two"})

        self.assertEqual(self.script("--status")[0], 0, self.said)
        code, said = self.script("--upgrade")
        self.assertEqual(code, 0, self.said)
        self.assertRegex(said[one], "started, pid")
        self.assertNotEqual(said[one].split(",")[1], again[one].split(",")[1], "the same process")
        self.assertEqual(self.script("--drain")[0], 0)
        wait_until(lambda: not self.beacons(), "the end of the drained workers")
        self.assertEqual(self.script()[0], 0, self.said)
        self.assertEqual(self.script("--stop")[1], {one: "stopped", two: "stopped"})
        code, said = self.script("--status")
        self.assertEqual((code, said[one]), (1, "no worker of this script runs"))

    def test_what_cannot_be_started_is_said_for_its_host_alone(self):
        one, two = self.addresses()
        self.hosts_file(*self.lines()[:1], f"{two} --slots none", "10.77.0.99 --slots 1")
        code, said = self.script()
        self.assertEqual(code, 1)
        self.assertRegex(said[one], "started")
        self.assertRegex(said[two], "did not start: .*slots")
        self.assertRegex(said["10.77.0.99"], "cannot be reached: .*; try: ssh 10.77.0.99")

    def test_a_mistake_in_the_hosts_file_is_named_with_its_line(self):
        for lines, words in ((["# none"], "names no host"), (["a", "b", "a"], "hosts:3: a is there twice"),
                             (["--slots 2"], "hosts:1: begins with --slots"), (["a 'b"], "hosts:1: No closing quotation")):
            self.hosts_file(*lines)
            self.assertEqual(self.script()[0], 1)
            self.assertIn(words, self.said)


if __name__ == "__main__":
    hosts.main_or_say_why_not()
