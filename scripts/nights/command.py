"""The command line of scripts/overnight: one night at a time, and what is left of it by morning."""

import argparse
import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import sys

from nights import config as configuration
from nights import summary
from nights.night import Night
from nights.page import page

EXIT_OK, EXIT_FAILED, EXIT_BUSY, EXIT_CONFIG = 0, 1, 75, 78


@contextlib.contextmanager
def _only_one(config):
    """Yields whether no other night runs; the lock ends with the process, however that ends."""
    os.makedirs(config.state, exist_ok=True)
    with open(os.path.join(config.state, "lock"), "a+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            print(f"overnight: another night runs in {config.state} ({lock.read().strip() or 'just begun'}); this one does not start",
                  file=sys.stderr)
            yield False
            return
        lock.truncate(0)
        lock.write(f"pid {os.getpid()}\n")
        lock.flush()
        yield True


def _call_hook(config, text, exit_code, folder):
    if not config.hook:
        return
    environment = {**os.environ, "NIGHT_EXIT_CODE": str(exit_code), "NIGHT_FOLDER": folder}
    try:
        done = subprocess.run(list(config.hook), input=text, text=True, env=environment, timeout=120, check=False)
        problem = f"exit code {done.returncode}" if done.returncode != 0 else ""
    except (OSError, subprocess.TimeoutExpired) as error:
        problem = str(error)
    if problem:
        print(f"overnight: the hook {config.hook[0]} failed: {problem}; the summary lies in {folder}/summary.txt", file=sys.stderr)


def _forget_old(config):
    for night in Night.all(config)[:-config.keep_nights]:
        shutil.rmtree(night.folder)


def _chosen(config, must_resume):
    """(the night to run, all up to it); (None, …) when there is nothing to resume."""
    nights = Night.all(config)
    unfinished = [night for night in nights if not night.is_over]
    night = unfinished.pop() if must_resume and unfinished else None
    for older in unfinished:
        older.record["ended"] = "cut short"
        older.save()
    if night is None and not must_resume:
        night = Night.begin(config)
        nights.append(night)
    return night, nights


def _one_night(config, must_resume):
    night, nights = _chosen(config, must_resume)
    if night is None:
        print(f"overnight: no night was cut short in {config.state}")
        return EXIT_OK
    if night.builds:
        print(f"overnight: going on with the night {night.name}; {len(night.builds)} builds were done")
    night.run(config, lambda line: print(line, flush=True))
    text = summary.text(night, nights[:-1])
    for name, content in (("summary.txt", text), ("index.html", page(night, nights))):
        with open(os.path.join(night.folder, name), "w", encoding="utf-8") as file:
            file.write(content)
    print("\n" + text, end="", flush=True)
    exit_code = EXIT_FAILED if summary.failures(night) else EXIT_OK
    _call_hook(config, text, exit_code, night.folder)
    _forget_old(config)
    return exit_code


def main(arguments):
    parser = argparse.ArgumentParser(prog="overnight", description="Builds every project of CONFIG from a clean tree.",
                                     epilog="Exit codes: 0 all built, 1 something failed, 75 another night runs, 78 the configuration.")
    parser.add_argument("config", metavar="CONFIG", help="a TOML file, as doc/overnight.md describes it")
    parser.add_argument("--resume", action="store_true", help="only go on with a night that was cut short, for instance at boot")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # ends the build that runs, too
    try:
        config = configuration.read(options.config)
    except configuration.ConfigError as error:
        print(f"overnight: {error}", file=sys.stderr)
        return EXIT_CONFIG
    with _only_one(config) as is_alone:
        return _one_night(config, options.resume) if is_alone else EXIT_BUSY
