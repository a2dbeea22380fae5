"""A project on a network filesystem: sshfs, with its server on the same machine.

Its locks are lies (a flock there holds on one client only), so what is shown
here holds without them.
"""

import os
import shutil
import subprocess
import sys
import unittest

from farm import last_build
from held_builds import HeldBuilds
from hosts import wait_until

SFTP_SERVER = "/usr/lib/openssh/sftp-server"


def why_not():
    missing = [tool for tool in (SFTP_SERVER, "sshfs") if shutil.which(tool) is None]
    if missing:
        return f"not installed: {', '.join(missing)}"
    return None if os.access("/dev/fuse", os.R_OK | os.W_OK) else "/dev/fuse cannot be used here"


class OnSshfs(HeldBuilds):
    def setUp(self):
        super().setUp()
        self.connection = self.path("tools", "connect")  # in place of ssh: the server's end of the pipe
        with open(self.connection, "w", encoding="utf-8") as out:
            out.write(f"#!/bin/sh\nexec {SFTP_SERVER}\n")
        os.chmod(self.connection, 0o755)
        self.clients = []
        self.home("exported")
        self.folder = self.mount("project")

    def mount(self, name):
        """Mounts the exported folder, through a connection of its own."""
        folder = self.home(name)
        client = self.start(name + ".sshfs", "sshfs", "-f", "-o", f"ssh_command={self.connection},fsname=lab",
                            "lab:" + self.path("exported"), folder, cwd="/")
        self.clients.append((folder, client))
        wait_until(lambda: os.path.ismount(folder) or client.poll() is not None, "mount")
        self.assertIsNone(client.poll(), self.log(name + ".sshfs"))
        return folder

    def tearDown(self):
        for folder, client in self.clients:
            if client.poll() is None:
                subprocess.run(["fusermount3", "-u", "-z", folder], check=False)
        super().tearDown()

    def lay_out(self, files):
        for name, text in files.items():
            with open(os.path.join(self.folder, name), "w", encoding="utf-8") as out:
                out.write(text)

    def assert_is_on_network(self):
        kind = subprocess.run(["stat", "-f", "-c", "%t", self.folder], capture_output=True, text=True, check=True)
        self.assertEqual(kind.stdout.strip(), "65735546")  # FUSE
        # No WAL: the records take the place for a network's as well.
        self.assertFalse([n for n in os.listdir(os.path.join(self.folder, ".extfarm")) if n.endswith(("-wal", "-shm"))])

    def test_a_second_build_and_one_after_an_edit(self):
        self.begin(self.graph(quick=3, held=0))
        self.assertEqual(self.finish("first", self.begin_build("first"))["on_workers"], 4, self.log("first"))
        self.assert_is_on_network()
        self.assertEqual(self.finish("second", self.begin_build("second"))["fresh"], 4, self.log("second"))
        self.write("quick1.c", "int quick1 = 1;\n")
        self.assertEqual(self.explain("quick1.o")[1], "would run, because quick1.c changed")
        counts = self.finish("third", self.begin_build("third"))
        self.assertEqual((counts["fresh"], counts["on_workers"]), (2, 2), self.log("third"))
        self.assertEqual(self.built(), self.expected())
        self.assertFalse(os.path.exists(os.path.join(self.folder, ".extfarm", "lock")))

    def test_the_next_build_after_a_killed_one_goes_on_at_once(self):
        self.begin(self.graph(quick=3, held=2))
        self.close_gate()
        build = self.begin_build("first", "-j", "2")
        self.wait_for_held(build, 2)
        published = wait_until(lambda: self.recorded() == self.products_there() and self.recorded(), "records")
        self.assert_is_on_network()
        self.kill(build)
        self.assertTrue(os.path.exists(os.path.join(self.folder, ".extfarm", "lock")))
        self.open_gate()
        counts = self.finish("second", self.begin_build("second", "-j", "2"))
        self.assertEqual((counts["fresh"], counts["on_workers"]), (published, 6 - published), self.log("second"))
        self.assertNotIn("another build runs", self.log("second"))
        self.assertEqual(self.built(), self.expected())
        self.assert_no_damage()

    def test_two_builds_through_two_mounts_are_serialised(self):
        self.begin(self.graph(quick=1, held=1))
        self.close_gate()
        first = self.begin_build("first")
        self.wait_for_held(first, 1)
        other = self.mount("other")
        second = self.start("second", *self.build_command(), cwd=other)
        words = f"extfarm: another build runs in this tree (pid {first.pid} on "
        wait_until(lambda: words in self.log("second"), "word of the second build")
        self.assertEqual(self.held(), 1, "the second build compiles beside the first")
        self.open_gate()
        self.assertEqual(first.wait(60), 0, self.log("first"))
        self.assertEqual(second.wait(60), 0, self.log("second"))
        self.assertEqual(self.log("second").count("another build runs"), 1)
        self.assertEqual(last_build(other)["status"], "ok")
        self.assertEqual(self.built(), self.expected())
        self.assert_no_damage()

    def test_many_that_find_a_dead_lock_run_one_after_the_other(self):
        self.begin(self.graph(quick=0, held=1))
        self.close_gate()
        first = self.begin_build("first")
        self.wait_for_held(first, 1)
        self.kill(first)
        builds = [self.begin_build(f"next{i}") for i in range(3)]
        wait_until(lambda: sum("another build runs" in self.log(f"next{i}") for i in range(3)) == 2, "two that wait")
        wait_until(lambda: self.held() == 1, "the one that compiles")
        self.open_gate()
        for i, build in enumerate(builds):
            self.assertEqual(build.wait(60), 0, self.log(f"next{i}"))
        self.assertEqual(last_build(self.folder)["actions"]["fresh"], 2)
        self.assertEqual(self.built(), self.expected())
        self.assert_no_damage()


if __name__ == "__main__":
    if why_not():
        print(f"SKIPPED, no network filesystem was tried: {why_not()}", file=sys.stderr)
        sys.exit(77)
    unittest.main(verbosity=2)
