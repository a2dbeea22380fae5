"""The Debian package and the wheel: what is in them, and a build with nothing but what they bring.

scripts/make-deb --prove does the same in a fresh Debian.  What is packed here is what has been built for the tests.
"""

import glob
import os
import re
import shutil
import subprocess
import tempfile
import unittest

from farm import BUILD, PROGRAMS, SOURCES, last_build
from one_machine import OneMachine, c_project

EXPECTED = """usr/bin/extfarm usr/bin/extfarm-cc usr/bin/extfarm-worker usr/lib/extfarm/python/extfarm/plugin.py
usr/lib/extfarm/python/sitecustomize.py usr/lib/extfarm/start-workers usr/lib/systemd/system/extfarm-worker.service
usr/lib/systemd/user/extfarm-worker.service usr/lib/sysusers.d/extfarm.conf usr/share/man/man1/extfarm.1.gz
usr/share/man/man1/extfarm-worker.1.gz usr/share/bash-completion/completions/extfarm usr/share/zsh/vendor-completions/_extfarm
usr/share/fish/vendor_completions.d/extfarm.fish usr/share/doc/extfarm/copyright usr/share/doc/extfarm/changelog.gz
usr/share/doc/extfarm/doc/newcomer.md""".split()
# Says where the plug-in came from, then is a setup.py like others.
TELLING = "import extfarm\nprint('plug-in of', extfarm.__file__)\n"


def output_of(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


class Packages(OneMachine):
    @classmethod
    def setUpClass(cls):
        cls.packed = tempfile.mkdtemp(prefix="extfarm-packed-")
        cls.addClassCleanup(shutil.rmtree, cls.packed)
        made = output_of(os.path.join(SOURCES, "scripts", "make-deb"), "--from", os.path.dirname(PROGRAMS), cls.packed)
        cls.deb = made.splitlines()[-1]
        cls.root = os.path.join(cls.packed, "root")
        subprocess.run(["dpkg-deb", "-x", cls.deb, cls.root], check=True)

    def project(self):
        files = c_project("one", "two")
        self.lay_out({**files, "setup.py": TELLING + files["setup.py"]})

    def assert_built_on_the_farm(self, done, plugin_folder):
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("plug-in of " + plugin_folder, done.stdout)
        self.assertEqual(last_build(self.folder)["actions"]["on_workers"], 4)
        self.assertEqual(len(glob.glob(os.path.join(self.folder, "*.so"))), 2)

    def test_a_build_with_what_the_package_brings(self):
        self.project()
        done = self.run_command(os.path.join(self.root, "usr/bin/extfarm"), "run", "--local", "2", "--", *BUILD, PATH="/usr/bin:/bin")
        self.assert_built_on_the_farm(done, os.path.join(self.root, "usr/lib/extfarm/python/extfarm"))

    def test_what_is_in_the_package(self):
        for path in EXPECTED:
            self.assertGreater(os.path.getsize(os.path.join(self.root, path)), 0, path)
        listed = output_of("dpkg-deb", "-c", self.deb)
        self.assertNotIn("__pycache__", listed)
        for line in listed.splitlines():
            self.assertRegex(line, r"^(-rw-r--r--|[-d]rwxr-xr-x) root/root ")
        depends = output_of("dpkg-deb", "-f", self.deb, "Depends")
        for library in ("libzmq5", "libsqlite3-0", "libc6", "python3"):
            self.assertIn(library, depends)
        with open(os.path.join(self.root, "usr/lib/systemd/system/extfarm-worker.service"), encoding="utf-8") as file:
            self.assertRegex(file.read(), r"(?m)^ExecStart=/usr/bin/extfarm-worker ")

    @unittest.skipIf("EXTFARM_SANITIZER" in os.environ, "a sanitized program names the folder of its reports")
    def test_no_file_names_this_machines_folders(self):
        for folder, _, names in os.walk(self.root):
            for name in names:
                with open(os.path.join(folder, name), "rb") as file:
                    self.assertNotIn(SOURCES.encode() + b"/build", file.read(), name)

    def test_dpkg_installs_and_removes_it(self):
        database = self.home("dpkg")
        for folder in ("info", "updates", "triggers"):
            os.makedirs(os.path.join(database, folder))
        for name in ("status", "available"):
            open(os.path.join(database, name), "w", encoding="utf-8").close()
        target = self.home("target")
        # Its scripts would run in a chroot, for which this root has no shell: scripts/make-deb --prove runs them.
        emptied = self.path("emptied")
        subprocess.run(["dpkg-deb", "-R", self.deb, emptied], check=True)
        for name in ("postinst", "prerm"):
            subprocess.run(["sh", "-n", os.path.join(emptied, "DEBIAN", name)], check=True)
            os.remove(os.path.join(emptied, "DEBIAN", name))
        package = self.path("plain.deb")
        subprocess.run(["dpkg-deb", "--root-owner-group", "-Znone", "-b", emptied, package], check=True, capture_output=True)
        dpkg = ["dpkg", f"--instdir={target}", f"--admindir={database}", "--force-depends", "--force-not-root", "--log=/dev/null"]
        subprocess.run([*dpkg, "-i", package], check=True, capture_output=True)
        version = subprocess.run([os.path.join(target, "usr/bin/extfarm"), "--version"], capture_output=True, text=True, check=True).stdout
        self.assertEqual(version.split(), ["extfarm", output_of("dpkg-deb", "-f", self.deb, "Version").strip()])
        subprocess.run([*dpkg, "--purge", "extfarm"], check=True, capture_output=True)
        self.assertEqual([name for _, _, names in os.walk(target) for name in names], [])

    def test_the_wheel_in_an_environment_of_its_own(self):
        self.project()
        wheel = output_of(os.path.join(SOURCES, "scripts", "make-wheel"), self.home("wheel")).strip()
        environment = self.path("environment")
        subprocess.run(["/usr/bin/python3", "-m", "venv", "--without-pip", "--system-site-packages", environment], check=True)
        python = os.path.join(environment, "bin/python")
        subprocess.run(["/usr/bin/python3", "-m", "pip", "--python", python, "install", "--quiet", "--no-index", "--no-deps", wheel],
                       check=True, env={**os.environ, "PIP_ROOT_USER_ACTION": "ignore"})
        done = self.run_command(python, *BUILD[1:], EXTFARM="1", PATH=os.path.join(self.root, "usr/bin") + ":/usr/bin:/bin")
        self.assert_built_on_the_farm(done, environment)

    def test_the_version_is_the_same_everywhere(self):
        with open(os.path.join(SOURCES, "CMakeLists.txt"), encoding="utf-8") as file:
            version = re.search(r"project\(extfarm VERSION (\S+)", file.read())[1]
        with open(os.path.join(SOURCES, "python", "setup.cfg"), encoding="utf-8") as file:
            self.assertIn(f"\nversion = {version}\n", file.read())
        with open(os.path.join(SOURCES, "python", f"extfarm-{version}.dist-info", "METADATA"), encoding="utf-8") as file:
            self.assertIn(f"\nVersion: {version}\n", file.read())
        with open(os.path.join(SOURCES, "scripts", "debian", "changelog"), encoding="utf-8") as file:
            self.assertEqual(file.readline().split()[:2], ["extfarm", f"({version})"])
        for name in ("extfarm", "extfarm-worker"):
            self.assertEqual(output_of(os.path.join(self.root, "usr/bin", name), "--version"), f"{name} {version}\n")


if __name__ == "__main__":
    unittest.main(verbosity=2)
