"""Workers on this machine for benchmarks: processes of their own with a home and a rendezvous folder of their own.

Knows the command lines of extfarm's programs and .extfarm/last-build.json.  `with Workers(folder) as workers:` leaves
no process behind.
"""

import json
import os
import signal
import subprocess
import time

PROGRAMS = os.environ["EXTFARM_PROGRAMS"]
EXTFARM = os.path.join(PROGRAMS, "extfarm")
READY_WITHIN_SECONDS = 30


class Workers:
    """`variables` is what a build needs in its environment to find them."""

    def __init__(self, folder, count=1, slots=2, trusted=("/usr",), scratch=None, log=None):
        """What they say goes to the file `log`; without one, only errors are said."""
        self._log = log
        self.rendezvous, self._scratch = os.path.join(folder, "workers"), scratch
        self.variables = {"HOME": os.path.join(folder, "home"), "EXTFARM_RENDEZVOUS": self.rendezvous}
        self._count, self._slots, self._trusted, self._started = count, slots, trusted, []

    def __enter__(self):
        os.makedirs(self.variables["HOME"], exist_ok=True)
        command = [os.path.join(PROGRAMS, "extfarm-worker"), "--bind", "tcp://127.0.0.1:*", "--advertise", "127.0.0.1",
                   "--slots", str(self._slots)]
        command += [] if self._log else ["-q"]
        for trusted in self._trusted:
            command += ["--trust", trusted]
        try:
            for number in range(self._count):
                own = ["--scratch", os.path.join(self._scratch, str(number))] if self._scratch else []
                with open(self._log or os.devnull, "ab") as out:
                    self._started.append(subprocess.Popen(command + own, env={**os.environ, **self.variables},
                                                          stderr=out if self._log else None))
            self._wait_until_announced()
        except BaseException:
            self.__exit__()
            raise
        return self

    @property
    def pids(self):
        return [worker.pid for worker in self._started]

    def _wait_until_announced(self):
        end = time.monotonic() + READY_WITHIN_SECONDS
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
