"""A real terminal for a command: tmux, detached, of a given size.  Reads what it shows; needs nothing of the tests."""

import os
import shutil
import subprocess
import tempfile
import time


class Screen:
    def __init__(self, columns, rows, command, cwd, environment):
        self._folder = tempfile.mkdtemp(prefix="extfarm-screen-")
        self._end = os.path.join(self._folder, "ended")
        self._environment = {**environment, "TERM": "xterm-256color"}
        self._tmux("-f", "/dev/null", "new-session", "-d", "-x", str(columns), "-y", str(rows), "-c", cwd,
                   f"{command}; echo $? > {self._end}; sleep 1000", ";", "set", "-g", "status", "off")

    def _tmux(self, *words):
        return subprocess.run(["tmux", "-S", os.path.join(self._folder, "socket"), *words], env=self._environment, text=True,
                              capture_output=True, check=True, stdin=subprocess.DEVNULL).stdout

    def close(self):
        subprocess.run(["tmux", "-S", os.path.join(self._folder, "socket"), "kill-server"], capture_output=True, check=False)
        shutil.rmtree(self._folder, ignore_errors=True)

    def rows(self):
        """What is to be seen now, a string for each row."""
        return self._tmux("capture-pane", "-p").split("\n")[:-1]

    def history(self):
        """All lines since the start, those that were wrapped in one piece."""
        return [line.rstrip() for line in self._tmux("capture-pane", "-p", "-J", "-S", "-").rstrip("\n").split("\n")]

    def coloured(self):
        return self._tmux("capture-pane", "-p", "-e")

    def press(self, key):
        self._tmux("send-keys", key)

    def resize(self, columns, rows):
        self._tmux("resize-window", "-x", str(columns), "-y", str(rows))

    def exit_code(self):
        """None while the command runs."""
        if not os.path.exists(self._end):
            return None
        with open(self._end, encoding="ascii") as file:
            said = file.read()  # the shell makes the file before it writes
        return int(said) if said else None

    def watch(self, look, seconds=60):
        """Calls look(rows) again and again until the command has ended; its exit code."""
        end = time.monotonic() + seconds
        while self.exit_code() is None:
            if time.monotonic() > end:
                raise TimeoutError(f"the command has not ended in {seconds} s; the screen: {self.rows()}")
            look(self.rows())
            time.sleep(0.03)
        return self.exit_code()
