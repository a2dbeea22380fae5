"""distcc and icecream on this machine, so arranged that compiles leave the client: daemons of a private port and folder.

Each farm is a context; `command` is what goes before a compiler, `variables` its environment, and daemon_cpu_seconds()
the processor time of those of its daemons that would run on the submitting host.  why_not() of a class says what is
missing, or is None.
"""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time

READY_WITHIN_SECONDS = 20
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def _program(name):
    return shutil.which(name, path="/usr/bin:/usr/sbin:/bin:/sbin")


def _free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def _listens(port):
    with socket.socket() as trial:
        return trial.connect_ex(("127.0.0.1", port)) == 0


def _children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return [int(word) for word in file.read().split()]


def _cpu_seconds(pid):
    """Of a process, the children it waited for, and those that it still has."""
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        fields = file.read().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / _TICKS_PER_SECOND + sum(map(_cpu_seconds, _children(pid)))


class _Daemons:
    def __init__(self, folder):
        self.folder, self.variables, self._started = folder, {}, []

    def __enter__(self):
        try:
            self._set_up()
        except BaseException:  # What did start must not outlive this.
            self.__exit__()
            raise
        return self

    def _start(self, *command, **variables):
        with open(os.path.join(self.folder, os.path.basename(command[0]) + ".log"), "a", encoding="utf-8") as log:
            process = subprocess.Popen(command, env={**os.environ, **variables}, stdout=log, stderr=log,
                                       stdin=subprocess.DEVNULL, start_new_session=True)
        self._started.append(process)
        return process

    def _wait(self, condition, what):
        end = time.monotonic() + READY_WITHIN_SECONDS
        while not condition():
            if time.monotonic() > end or any(process.poll() is not None for process in self._started):
                raise RuntimeError(f"{what} was not ready within {READY_WITHIN_SECONDS} s")
            time.sleep(0.05)

    def daemon_cpu_seconds(self):
        return 0.0

    def __exit__(self, *_):
        for process in reversed(self._started):
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
        for process in self._started:
            process.wait()


class Distcc(_Daemons):
    name = "distcc"
    command = (_program("distcc"),)

    @staticmethod
    def why_not():
        missing = [name for name in ("distcc", "distccd") if not _program(name)]
        return f"not installed: {', '.join(missing)}" if missing else None

    def _set_up(self):
        port = _free_port()
        self._start(_program("distccd"), "--daemon", "--no-detach", "--allow", "127.0.0.1", "--listen", "127.0.0.1",
                    "--port", str(port), "--jobs", "2", "--log-stderr",
                    *(("--user", "distccd") if os.geteuid() == 0 else ()))
        # 127.0.0.1, for "localhost" would be compiled by the client itself.
        self.variables = {"DISTCC_HOSTS": f"127.0.0.1:{port}/8", "DISTCC_FALLBACK": "0", "DISTCC_BACKOFF_PERIOD": "0",
                          "DISTCC_DIR": self.folder}
        self._wait(lambda: _listens(port), "distccd")


class Icecream(_Daemons):
    """A scheduler, the submitting host's daemon, which compiles nothing, and another that does."""

    name = "icecream"
    command = (_program("icecc"),)

    @staticmethod
    def why_not():
        missing = [name for name in ("icecc", "iceccd", "icecc-scheduler") if not _program(name)]
        if missing:
            return f"not installed: {', '.join(missing)}"
        if os.geteuid() != 0:
            return "its daemon takes jobs of others only when started by root"
        try:
            pwd.getpwnam("icecc")
        except KeyError:
            return "there is no user icecc, as whom its daemon runs"
        return None

    def _set_up(self):
        # Of its own, short and open to the daemon's user: sockets have paths of 107 bytes.
        self._top = tempfile.mkdtemp(prefix="icecc-")
        shutil.chown(self._top, "icecc", "icecc")
        os.chmod(self._top, 0o755)
        port, net = _free_port(), f"bench{os.getpid()}"
        self._start(_program("icecc-scheduler"), "-n", net, "-p", str(port), "-l", self._top + "/scheduler.log",
                    "-u", "icecc", "-vv")
        self._wait(lambda: _listens(port), "icecc-scheduler")
        where = ("-s", f"127.0.0.1:{port}", "-n", net, "-u", "icecc", "-vv")
        socket_path = self._top + "/near.socket"
        self._near = self._start(_program("iceccd"), *where, "-N", "near", "--no-remote", "-m", "2", "-b",
                                 self._top + "/near", "-l", self._top + "/near.log", ICECC_TEST_SOCKET=socket_path)
        self._start(_program("iceccd"), *where, "-N", "far", "-p", str(_free_port()), "-m", "2", "-b", self._top + "/far",
                    "-l", self._top + "/far.log", ICECC_TEST_SOCKET=self._top + "/far.socket")
        self.variables = {"ICECC_TEST_SOCKET": socket_path, "ICECC_TEST_REMOTEBUILD": "1", "ICECC_PREFERRED_HOST": "far"}
        self._wait(lambda: self._logged_in() >= 2, "iceccd")

    def _logged_in(self):
        try:
            with open(self._top + "/scheduler.log", encoding="utf-8", errors="replace") as file:
                return sum("login" in line for line in file)
        except OSError:
            return 0

    def daemon_cpu_seconds(self):
        return _cpu_seconds(self._near.pid)

    def __exit__(self, *_):
        super().__exit__()
        shutil.rmtree(self._top, ignore_errors=True)
