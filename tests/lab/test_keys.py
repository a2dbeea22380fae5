"""Who may run what, with the real programs: keys that are made, refused and admitted."""

import glob
import json
import os
import re
import stat
import subprocess
import unittest

from farm import last_build, program
from hosts import wait_until
from one_machine import OneMachine, c_project


class Keys(OneMachine):
    def setUp(self):
        super().setUp()
        self.rendezvous = self.path("rendezvous")
        self.lay_out(c_project("one"))

    def worker_of(self, home):
        return self.start_worker("worker", "--rendezvous", self.rendezvous, home=home)

    def build_as(self, home, *options):
        done = self.run_build("--rendezvous", self.rendezvous, *options, home=home)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stderr, last_build(self.folder)["actions"]["on_workers"]

    def test_keys_are_made_at_the_first_start_and_private(self):
        self.worker_of("home")
        for name in ("worker.key", "client.key"):
            mode = stat.S_IMODE(os.stat(self.path("home", ".extfarm", name)).st_mode)
            self.assertEqual(oct(mode), oct(0o600), name)
        self.assertEqual(self.build_as("home", "--local", "0")[1], 2)

    def test_an_unknown_key_is_refused_until_it_is_admitted(self):
        worker = self.worker_of(self.home("theirs") and "theirs")
        words, on_workers = self.build_as("home", "--local", "0")
        self.assertEqual(on_workers, 0)
        shown = self.run_command(program("extfarm"), "keys").stdout
        own = re.search(r"client key\s+(\S+)", shown).group(1)
        refusal = [line for line in words.splitlines() if "does not admit this user's key" in line]
        self.assertEqual(len(refusal), 1, words)
        self.assertIn(f"add the line {own} to its ~/.extfarm/authorized_keys", refusal[0])
        self.assertIn(f"the unknown key {own} was refused", self.log("worker"))

        worker.terminate()
        worker.wait()
        with open(self.path("theirs", ".extfarm", "authorized_keys"), "a", encoding="utf-8") as file:
            file.write(own + " ada\n")
        self.worker_of("theirs")
        self.lay_out(c_project("one"))
        self.assertEqual(self.build_as("home", "--local", "0")[1], 2)

    def test_a_worker_that_has_not_the_key_of_its_beacon_gets_nothing(self):
        self.worker_of("home")
        beacon = glob.glob(self.rendezvous + "/*.json")[0]
        with open(beacon, encoding="utf-8") as file:
            told = json.load(file)
        shown = self.run_command(program("extfarm"), "keys", home=os.path.basename(self.home("stranger"))).stdout
        told["public_key"] = re.search(r"worker key\s+(\S+)", shown).group(1)
        with open(beacon, "w", encoding="utf-8") as file:
            json.dump(told, file)
        words, on_workers = self.build_as("home", "--local", "1")
        self.assertEqual(on_workers, 2, "the local worker did it")
        self.assertEqual(words.count("did not prove the key of its beacon"), 1, words)
        self.assertIn("Remove the stale beacon", words)
        self.assertNotIn("coordinator.joined", self.log("worker"))

    def test_a_secret_key_that_others_can_read_is_not_used(self):
        self.run_command(program("extfarm"), "keys")
        os.chmod(self.path("home", ".extfarm", "client.key"), 0o644)
        done = self.run_build()
        self.assertEqual(done.returncode, 78)
        self.assertIn("chmod 600", done.stderr)

    def test_a_worker_leaves_no_beacon_and_no_scratch(self):
        worker = self.worker_of("home")
        self.assertEqual(len(os.listdir(self.rendezvous)), 1)
        worker.kill()
        worker.wait()
        self.assertEqual(len(os.listdir(self.path("worker.scratch"))), 2, "a folder and its lock")
        again = self.worker_of("home")
        wait_until(lambda: len(os.listdir(self.path("worker.scratch"))) == 2, "end of the dead one's scratch")
        again.terminate()
        self.assertEqual(again.wait(20), 0, self.log("worker"))
        self.assertEqual(os.listdir(self.path("worker.scratch")), [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
