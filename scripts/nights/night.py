"""One night: every project from a clean tree, whatever became of the one
before; what is done is written down at once, so a night that was cut short
goes on where it was.

Folder of a night: night.json, one log for each build, report pages of the builds.
"""

import datetime
import json
import os
import shutil
import signal
import subprocess
import time

from nights import result, tree


def _now():
    return datetime.datetime.now().astimezone().isoformat(timespec="seconds")


class Night:
    """What night.json holds, and where it lies."""

    def __init__(self, folder, record):
        self.folder, self.record = folder, record

    @classmethod
    def begin(cls, config):
        name = datetime.datetime.now().strftime("%Y-%m-%d")
        folder, number = os.path.join(config.state, "nights", name), 1
        while os.path.exists(folder):
            number += 1
            folder = os.path.join(config.state, "nights", f"{name}-{number}")
        os.makedirs(folder)
        night = cls(folder, {"schema": 1, "started": _now(), "ended": None, "builds": []})
        night.save()
        return night

    @classmethod
    def all(cls, config):
        """Oldest first; a folder without a readable night.json is passed over."""
        found, top = [], os.path.join(config.state, "nights")
        for name in os.listdir(top) if os.path.isdir(top) else []:
            try:
                with open(os.path.join(top, name, "night.json"), encoding="utf-8") as file:
                    found.append(cls(os.path.join(top, name), json.load(file)))
            except (OSError, ValueError):
                continue
        return sorted(found, key=lambda night: night.record["started"])

    @property
    def name(self):
        return os.path.basename(self.folder)

    @property
    def is_over(self):
        return self.record["ended"] is not None

    @property
    def builds(self):
        return self.record["builds"]

    def save(self):
        path = os.path.join(self.folder, "night.json")
        with open(path + ".new", "w", encoding="utf-8") as file:
            json.dump(self.record, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        os.replace(path + ".new", path)

    def run(self, config, say):
        """Builds what is not built yet.  `say` gets a line for each build."""
        done = {(build["project"], build["repetition"]) for build in self.builds}
        for project in config.projects:
            for repetition in range(1, project.repetitions + 1):
                if (project.name, repetition) in done:
                    continue
                build = _build(config, project, repetition, self.folder)
                self.builds.append(build)
                self.save()
                say(f"{project.name} #{repetition}: {'ok' if build['ok'] else 'FAILED, ' + build['cause']} in {build['seconds']:.0f} s")
        self.record["ended"] = _now()
        self.save()


def _build(config, project, repetition, night_folder):
    folder = os.path.join(config.state, "trees", project.name)
    stem = os.path.join(night_folder, f"{project.name}-{repetition}")
    begun, started = time.monotonic(), _now()
    build = {"project": project.name, "repetition": repetition, "started": started, "log": os.path.basename(stem) + ".log"}
    with open(stem + ".log", "w+", encoding="utf-8", errors="replace") as log:
        try:
            revision = tree.lay_out(project, folder)
        except tree.TreeError as error:
            log.write(f"{error}\n")
            return {**build, "ok": False, "exit_code": 1, "seconds": round(time.monotonic() - begun, 2), "cause": str(error)}
        environment = {**os.environ, **config.environment, **project.environment}
        command = [config.extfarm, "run", *project.options, "--", *project.command]
        begun = time.monotonic()
        exit_code = _run(command, folder, environment, log, project.limit_minutes)
        seconds = time.monotonic() - begun
        log.seek(0)
        found = result.of_build(folder, log.read(), exit_code, seconds)
        if exit_code == 0 and project.check:
            log.seek(0, os.SEEK_END)
            check_begin = log.tell()
            exit_code = _run(project.check, folder, environment, log, project.limit_minutes)
            log.seek(check_begin)
            if exit_code != 0:
                found |= {"ok": False, "exit_code": exit_code, "cause": "its check: " + result.first_cause(log.read())}
    report = os.path.join(folder, ".extfarm", "report.html")
    if os.path.exists(report) and found.get("actions", {}).get("on_workers"):
        shutil.copyfile(report, stem + ".html")
        found["report"] = os.path.basename(stem) + ".html"
    return {**build, "revision": revision, **found}


def _run(command, folder, environment, log, limit_minutes):
    """The exit code.  Past the limit the whole group is ended, and the log says so."""
    log.write("$ " + " ".join(command) + "\n")
    log.flush()
    try:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=log,
                                   stderr=subprocess.STDOUT, start_new_session=True)
    except OSError as error:
        log.write(f"cannot start {command[0]}: {error.strerror}\n")
        return 127
    try:
        return process.wait(limit_minutes * 60 or None)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        log.seek(0, os.SEEK_END)
        log.write(f"\nError: ended after {limit_minutes:g} minutes (limit_minutes)\n")
        log.flush()
        return 124
    except BaseException:  # the night itself is told to end
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()
        raise
