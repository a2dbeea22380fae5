"""Runs one command: on the farm when there is one, else here; either way its words come out once, unbroken.

Knows how an Answer is carried out.  Refuses to know what the command is for,
and which exception a failure should become: it returns exit codes.
"""

import os
import subprocess
import sys
import threading
import time

from extfarm import client, outside

_printing = threading.Lock()
_slots_lock = threading.Lock()
_local_slots = None


class Stopped(KeyboardInterrupt):
    """The coordinator is stopping the build."""


def start(action):
    """Submits without waiting.  Returns a Pending, or None when the command has to run here."""
    farm = client.farm()
    if farm is None:
        return None
    try:
        return farm.submit(action)
    except client.CoordinatorGone as error:
        client.lost(error)
        return None


def finish(pending, action, still_wanted=lambda: True):
    """Waits for the answer, or runs `action` here if there is none.  Returns the Answer: built, fresh or failed.

    `still_wanted` is asked before a local run: when it says no, Stopped is raised.
    """
    answer = None
    if pending is not None:
        try:
            answer = pending.wait()
        except client.CoordinatorGone as error:
            if not still_wanted():
                raise Stopped() from None
            client.lost(error)
    if answer is not None and answer.result == "cancelled":
        raise Stopped(answer.reason)
    if answer is None or answer.result == "run_locally":
        if not still_wanted():
            raise Stopped()
        reason = answer.reason if answer is not None else ""
        began = time.monotonic()
        answer = run_here(action)
        farm = client.farm() if reason else None
        if farm is not None:
            farm.count_local(action["kind"], reason, time.monotonic() - began, answered=True)
    return answer


def run_here(action):
    """Runs an action in this machine's own slots.  OSError when it cannot be started at all."""
    with _slots(), outside.ours():
        done = subprocess.run([os.fsdecode(_raw(word)) for word in action["argv"]],
                              cwd=os.fsdecode(_raw(action["cwd"])), env=action.get("environ"),
                              input=_raw(action["stdin"]) if "stdin" in action else None,
                              stdin=None if "stdin" in action else subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    result = "built" if done.returncode == 0 else "failed"
    return client.Answer(result, done.returncode, done.stdout, done.stderr)


def show(answer, announce=None):
    """Prints a command's words with nothing of another command between them."""
    with _printing:
        if announce is not None:
            announce()
        for stream, words in ((sys.stdout, answer.stdout), (sys.stderr, answer.stderr)):
            if words:
                _write(stream, words)


def _write(stream, words):
    buffer = getattr(stream, "buffer", None)
    stream.flush()
    if buffer is None:
        stream.write(words.decode("utf-8", "replace"))
    else:
        buffer.write(words)
    stream.flush()


def _raw(value):
    return client.raw_bytes(value)


def _slots():
    global _local_slots
    with _slots_lock:
        if _local_slots is None:
            asked = os.environ.get("EXTFARM_JOBS", "")
            count = int(asked) if asked.isdigit() and int(asked) > 0 else len(os.sched_getaffinity(0))
            _local_slots = threading.BoundedSemaphore(count)
        return _local_slots
