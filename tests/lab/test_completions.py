"""Completions in real shells: each offers what --help lists, values where an option takes them, and the build's command."""

import os
import pty
import select
import subprocess
import tempfile
import time
import unittest

from described import SHARE, commands, options, options_at
from farm import program

PATIENCE_SECONDS = 30
# Completes the words given, the last of which is under the cursor.
BASH = 'source "$1"; function=$2; shift 2; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); $function; printf "%s\\n" "${COMPREPLY[@]}"'


def completion(shell, name):
    return os.path.join(SHARE, "completions", shell, name)


class Bash(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        os.makedirs(os.path.join(self.folder, "some folder"))
        open(os.path.join(self.folder, "some.json"), "w", encoding="utf-8").close()

    def offered(self, *words):
        function = "_" + words[0].replace("-", "_")
        done = subprocess.run(["bash", "--norc", "-c", BASH, "bash", completion("bash", words[0]), function, *words],
                              cwd=self.folder, capture_output=True, text=True, check=True)
        self.assertEqual(done.stderr, "")
        return set(done.stdout.splitlines()) - {""}

    def test_commands_and_all_their_options(self):
        self.assertEqual(self.offered("extfarm", ""), set(commands()) | options("extfarm"))
        self.assertEqual(self.offered("extfarm", "re"), {"report"})
        for command in commands():
            self.assertEqual(self.offered("extfarm", command, "-"), options_at("extfarm", command), command)
        self.assertEqual(self.offered("extfarm-worker", "-"), options("extfarm-worker"))

    def test_values(self):
        self.assertEqual(self.offered("extfarm-worker", "--view", ""), {"auto", "direct"})
        self.assertEqual(self.offered("extfarm-worker", "--view", "=", "d"), {"direct"})
        self.assertEqual(self.offered("extfarm-worker", "--view", "="), {"auto", "direct"})
        self.assertEqual(self.offered("extfarm", "completions", "z"), {"zsh"})
        self.assertEqual(self.offered("extfarm", "run", "--store", "some"), {"some folder"})
        self.assertEqual(self.offered("extfarm", "build", "--manifest", "some"), {"some folder", "some.json"})
        self.assertEqual(self.offered("extfarm", "run", "-j", ""), set(), "a number")

    def test_the_builds_own_command(self):
        self.assertIn("bash", self.offered("extfarm", "run", "--quiet", "--", "bas"))
        self.assertEqual(self.offered("extfarm", "run", "--", "make", "some"), {"some folder", "some.json"})

    def test_bash_uses_it_for_the_program(self):
        done = subprocess.run(["bash", "--norc", "-c", f'source <("{program("extfarm")}" completions bash); complete -p extfarm'],
                              capture_output=True, text=True, check=True)
        self.assertEqual(done.stdout, "complete -F _extfarm extfarm\n")


class Fish(unittest.TestCase):
    def offered(self, line):
        """Of a real fish, for a line up to the cursor."""
        with tempfile.TemporaryDirectory() as home:
            script = 'source $argv[1]; complete -C $argv[2]'
            done = subprocess.run(["fish", "--no-config", "-c", script, completion("fish", line.split()[0]), line],
                                  cwd="/usr", env={**os.environ, "HOME": home}, capture_output=True, text=True, check=True)
        self.assertEqual(done.stderr, "")
        return {word.split("\t")[0] for word in done.stdout.splitlines()}

    def test_commands_options_and_values(self):
        self.assertEqual(self.offered("extfarm "), set(commands()))
        # Of an option with two names fish offers the long one.
        for command in commands():
            long_ones = {name for name in options_at("extfarm", command) if name.startswith("--")}
            self.assertEqual({word for word in self.offered(f"extfarm {command} --") if word != "--"}, long_ones, command)
        self.assertEqual(self.offered("extfarm-worker --view "), {"auto", "direct"})
        self.assertIn("lib/", self.offered("extfarm run --store li"))
        self.assertIn("fish", self.offered("extfarm run -q -- fis"))


class Zsh(unittest.TestCase):
    """One real zsh on a terminal of its own; a tab completes what was typed."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        for name in ("extfarm", "extfarm-worker"):
            os.symlink(completion("zsh", name), os.path.join(folder.name, "_" + name))
        pid, self.terminal = pty.fork()
        if pid == 0:
            os.chdir("/")
            os.execve("/usr/bin/zsh", ["zsh", "-f", "-i"], {"HOME": folder.name, "PATH": os.environ["PATH"], "TERM": "dumb"})
        self.addCleanup(os.waitpid, pid, 0)
        self.addCleanup(os.close, self.terminal)
        self.type(f"fpath=({folder.name} $fpath); autoload -U compinit; compinit -u -D")

    def type(self, words):
        """What the terminal shows until the line has been run."""
        os.write(self.terminal, f"{words}; echo e''nd\n".encode())
        seen, give_up_at = "", time.monotonic() + PATIENCE_SECONDS
        while "\nend\r" not in seen:
            self.assertLess(time.monotonic(), give_up_at, seen)
            if select.select([self.terminal], [], [], 1)[0]:
                seen += os.read(self.terminal, 65536).decode(errors="replace")
        return seen

    def test_commands_options_and_values(self):
        for typed, expected in (("extfarm histo", "extfarm history"), ("extfarm run --masq", "--masquerade"),
                                ("extfarm-worker --only", "--only-compilers"), ("extfarm-worker --view=dir", "--view=direct"),
                                ("extfarm completions fi", "completions fish"), ("extfarm run -q -- zsh /etc/pass", "/etc/passwd")):
            # Control-A, and the line becomes the words of a command that does nothing.
            self.assertIn(expected, self.type(typed + "\t\x01: \x05"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
