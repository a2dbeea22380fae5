"""Workers on this machine for benchmarks: processes of their own with a home and a rendezvous folder of their own.

Knows the command lines of extfarm's programs and .extfarm/last-build.json.  `with Workers(folder) as workers:` leaves
no process behind.
"""

import json
import os
import shutil
import socket
import signal
import subprocess
import time

PROGRAMS = os.environ["EXTFARM_PROGRAMS"]
EXTFARM = os.path.join(PROGRAMS, "extfarm")
READY_WITHIN_SECONDS = 30


class Workers:
    """`variables` is what a build needs in its environment to find them."""

    def __init__(self, folder, count=1, slots=2, trusted=("/usr",), scratch=None, log=None, own_keys=False, tools=None, nice=None):
        """What they say goes to the file `log`; without one, only errors are said.  `own_keys`: each has a key of its own,
        in `keys` of the folder, and admits the build's.  `tools`: what an earlier build on this host has learned of its
        compilers."""
        self._nice = nice
        self._log, self._tools, self._keys = log, tools, os.path.join(folder, "keys") if own_keys else None
        self.rendezvous, self._scratch = os.path.join(folder, "workers"), scratch
        self.variables = {"HOME": home_in(folder), "EXTFARM_RENDEZVOUS": self.rendezvous}
        self._count, self._slots, self._trusted, self._started = count, slots, trusted, []

    def __enter__(self):
        os.makedirs(self.variables["HOME"], exist_ok=True)
        command = [os.path.join(PROGRAMS, "extfarm-worker"), "--bind", "tcp://127.0.0.1:*", "--advertise", "127.0.0.1",
                   "--slots", str(self._slots)]
        command += [] if self._log else ["-q"]
        command += ["--tools", self._tools] if self._tools else []
        command += [] if self._nice is None else ["--nice", str(self._nice)]
        for trusted in self._trusted:
            command += ["--trust", trusted]
        try:
            for number in range(self._count):
                own = ["--scratch", os.path.join(self._scratch, str(number))] if self._scratch else []
                own += ["--key-folder", self._key_folder(number)] if self._keys else []
                with open(self._log or os.devnull, "ab") as out:
                    self._started.append(subprocess.Popen(command + own, env={**os.environ, **self.variables},
                                                          stderr=out if self._log else None))
            self._wait_until_announced()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _key_folder(self, number):
        admitted = os.path.join(self.variables["HOME"], ".extfarm", "authorized_keys")
        if not os.path.exists(admitted):
            subprocess.run([EXTFARM, "keys"], env={**os.environ, **self.variables}, check=True, stdout=subprocess.DEVNULL)
        folder = os.path.join(self._keys, str(number))
        os.makedirs(folder, mode=0o700)
        shutil.copy(admitted, folder)
        return folder

    @property
    def pids(self):
        return [worker.pid for worker in self._started]

    def _wait_until_announced(self):
        end = time.monotonic() + READY_WITHIN_SECONDS + self._count
        while not os.path.isdir(self.rendezvous) or len(os.listdir(self.rendezvous)) < self._count:
            if time.monotonic() > end:
                raise RuntimeError(f"{self._count} workers did not announce themselves in {self.rendezvous}")
            time.sleep(0.02)

    def __exit__(self, *_):
        for worker in self._started:
            worker.send_signal(signal.SIGTERM)
        for worker in self._started:
            worker.wait()


def last_build(folder, on_workers=None):
    """What .extfarm/last-build.json of a project says.  Raises RuntimeError unless so many actions ran on workers."""
    with open(os.path.join(folder, ".extfarm", "last-build.json"), encoding="utf-8") as file:
        told = json.load(file)
    if on_workers is not None and told["actions"]["on_workers"] != on_workers:
        raise RuntimeError(f"{on_workers} actions should have run on workers: {told['actions']}")
    return told


def home_in(folder):
    """Of the user whose workers have this folder."""
    return os.path.join(folder, "home")


def learn_compiler(folder, compiler):
    """The file of what extfarm learns of a compiler: a second of processor time.  The user's builds know it from then on.

    In a lab each host looks at its own; here all workers would at once look at one, for each build.
    """
    project = os.path.join(folder, "compiler-learned")
    os.makedirs(project)
    os.makedirs(home_in(folder), exist_ok=True)
    with open(os.path.join(project, "a.c"), "w", encoding="ascii") as out:
        out.write("int a;\n")
    with open(os.path.join(project, "manifest.json"), "w", encoding="ascii") as out:
        json.dump({"schema": 1, "actions": [{"argv": [compiler, "-c", "a.c", "-o", "a.o"], "inputs": ["a.c"], "outputs": ["a.o"]}]}, out)
    subprocess.run([EXTFARM, "build", "--manifest", "manifest.json", "--local", "1", "--no-store", "-q"], cwd=project, check=True,
                   env={**os.environ, "HOME": home_in(folder), "EXTFARM_RENDEZVOUS": os.path.join(folder, "none")})
    return os.path.join(home_in(folder), ".extfarm", "tools." + socket.gethostname())
