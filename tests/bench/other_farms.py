"""distcc and icecream on this machine, so arranged that compiles leave the client: daemons of a private port and folder.

Each farm is a context; `command` is what goes before a compiler, `variables` its environment, `within` what goes before
the build's command, and daemon_cpu_seconds() the processor time of those daemons that would run on the submitting host.  why_not() of a class says what is
missing, or is None.
"""

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tarfile
import tempfile
import time

INSTALL = "scripts/install-dependencies --rivals"
# iceccd looks for its scheduler every three seconds, and twice at least.
READY_WITHIN_SECONDS = 60
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def _program(name):
    return shutil.which(name, path="/usr/bin:/usr/sbin:/bin:/sbin")


def _free_ports(count):
    with contextlib.ExitStack() as stack:
        taken = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in taken:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in taken]


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


def _first_word(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read().partition("\0")[0]


class _Daemons:
    within = ()  # what puts a command where it can reach them

    def __init__(self, folder, hosts=1, slots=2, here=0):
        self.folder, self.variables, self._started = folder, {}, []
        self.hosts, self.slots, self.here = hosts, slots, here

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

    def compiles_elsewhere(self):
        """How many compiles hosts other than the submitting one have begun."""
        raise NotImplementedError

    def __exit__(self, *_):
        for process in reversed(self._started):
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
        for process in self._started:
            process.wait()


class Distcc(_Daemons):
    """`hosts` daemons of `slots` jobs each; `here` more slots on the submitting host, by the client itself."""

    name = "distcc"
    command = (_program("distcc"),)

    @staticmethod
    def why_not():
        missing = [name for name in ("distcc", "distccd") if not _program(name)]
        return f"not installed: {', '.join(missing)} ({INSTALL})" if missing else None

    def _set_up(self):
        ports = _free_ports(self.hosts)
        for port in ports:
            # Any compiler, for whoever is on this machine; it listens on no other address.
            self._start(_program("distccd"), "--daemon", "--no-detach", "--allow", "127.0.0.1", "--listen", "127.0.0.1",
                        "--port", str(port), "--jobs", str(self.slots), "--log-stderr", "--log-level", "notice", "--nice", "0",
                        "--enable-tcp-insecure", *(("--user", "distccd") if os.geteuid() == 0 else ()))
        # 127.0.0.1, for "localhost" is compiled by the client itself.
        hosts = [f"127.0.0.1:{port}/{self.slots}" for port in ports]
        hosts += [f"--localslots={self.here}", f"localhost/{self.here}"] if self.here else []
        self.variables = {"DISTCC_HOSTS": " ".join(hosts), "DISTCC_FALLBACK": "0", "DISTCC_BACKOFF_PERIOD": "0",
                          "DISTCC_DIR": self.folder}
        self._wait(lambda: all(map(_listens, ports)), "distccd")

    def compiles_elsewhere(self):
        with open(os.path.join(self.folder, "distccd.log"), encoding="utf-8", errors="replace") as log:
            return sum("COMPILE_OK" in line for line in log)


class Icecream(_Daemons):
    """A scheduler, the submitting host's daemon, which compiles for nobody else, and `hosts` others of `slots` jobs each.

    `here` is how many slots the submitting host has; with none everything is compiled by the others.
    """

    name = "icecream"
    command = (_program("icecc"),)
    _PORT = 8765  # of a network of its own

    @staticmethod
    def why_not():
        missing = [name for name in ("icecc", "iceccd", "icecc-scheduler") if not _program(name)]
        if missing:
            return f"not installed: {', '.join(missing)} ({INSTALL})"
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
        self._make_network()
        self._start(*self.within, _program("icecc-scheduler"), "-n", "bench", "-p", str(self._PORT), "-u", "icecc", "-vvv",
                    "-l", self._top + "/scheduler.log")
        self._wait(lambda: self._logged("scheduler ready"), "icecc-scheduler")
        self._near = self._start_daemon("near", "--no-remote", "-m", str(self.here or 2))
        for number in range(self.hosts):
            self._start_daemon(f"far{number}", "-p", str(self._PORT + 10 + number), "-m", str(self.slots))
        self.variables = {"ICECC_TEST_SOCKET": self._top + "/near.socket", "ICECC_TEST_REMOTEBUILD": "1"}
        if not self.here:
            self.variables["ICECC_PREFERRED_HOST"] = "far0"
        self._wait(lambda: self._logged(": login ") >= 1 + self.hosts, "iceccd")

    def _make_network(self):
        """The scheduler announces itself to each network of its host, so it gets a host with none but loopback.

        Each daemon stands for an idle machine, so it does not see how busy this one is: it would take no jobs.
        """
        idle = os.path.join(self.folder, "idle")
        with open(idle, "w", encoding="ascii") as out:
            out.write("cpu " + "0 " * 10 + "\n")
        holder = self._start("unshare", "--net", "--mount", "sh", "-c",
                             f"ip link set lo up && mount --bind {idle} /proc/stat && exec sleep infinity")
        own = os.readlink("/proc/self/ns/net")
        self._wait(lambda: os.readlink(f"/proc/{holder.pid}/ns/net") != own
                   and _first_word(f"/proc/{holder.pid}/cmdline") == "sleep", "a network namespace")
        self.within = ("nsenter", f"--net=/proc/{holder.pid}/ns/net", "--")
        self._on_idle_host = ("nsenter", f"--net=/proc/{holder.pid}/ns/net", f"--mount=/proc/{holder.pid}/ns/mnt", "--")

    def _start_daemon(self, name, *options):
        # ICECC_TESTS: a daemon that has lost the scheduler tries again after three seconds and not after 20 to 51.
        return self._start(*self._on_idle_host, _program("iceccd"), "-s", f"127.0.0.1:{self._PORT}", "-n", "bench", "-u", "icecc",
                           "-vv", "--nice", "0", "-N", name, "-b", f"{self._top}/{name}", "-l", f"{self._top}/{name}.log", *options,
                           ICECC_TESTS="1", ICECC_TEST_SOCKET=f"{self._top}/{name}.socket")

    def _logged(self, words):
        """How often the scheduler has said so."""
        try:
            with open(self._top + "/scheduler.log", encoding="utf-8", errors="replace") as file:
                return sum(words in line for line in file)
        except OSError:
            return 0

    def daemon_cpu_seconds(self):
        return _cpu_seconds(self._near.pid)

    def compiles_elsewhere(self):
        return self._logged("server=far")

    def __exit__(self, *_):
        super().__exit__()
        shutil.rmtree(self._top, ignore_errors=True)


def pack_compiler(compiler, path):
    """An environment for icecream in which /usr/bin/gcc is this program, with what it is linked to."""
    needed = subprocess.run(["ldd", compiler], check=True, capture_output=True, text=True).stdout
    libraries = [word for line in needed.splitlines() for word in line.split() if word.startswith("/")]
    with tarfile.open(path, "w:gz", dereference=True) as tar:
        # Its daemon looks whether there is an assembler, and tries the environment by running true.
        programs = [(compiler, "/usr/bin/gcc"), ("/bin/true", "/usr/bin/as"), ("/bin/true", "/bin/true")]
        for source, name in programs + [(one, one) for one in libraries]:
            tar.add(source, name.lstrip("/"))
        for name in ("tmp", "etc"):
            folder = tarfile.TarInfo(name)
            folder.type, folder.mode = tarfile.DIRTYPE, 0o1777
            tar.addfile(folder)
