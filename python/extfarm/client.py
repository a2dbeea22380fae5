"""The front end's side of the front door (doc/front-door.md): one connection, many requests.

Knows nothing of setuptools or Cython.
"""

import base64
import json
import os
import socket
import sys
import threading


class CoordinatorGone(Exception):
    """No answer will come; the caller runs its command itself."""


class Answer:
    """What became of one action: ``result`` is built, fresh, failed, run_locally or cancelled."""

    def __init__(self, message):
        self.result = message["result"]
        self.exit_code = message.get("exit_code", 0)
        self.stdout = _bytes_from(message.get("stdout", ""))
        self.stderr = _bytes_from(message.get("stderr", ""))
        self.reason = message.get("reason", "")


def _bytes_from(value):
    if isinstance(value, dict):
        return base64.b64decode(value["base64"])
    return value.encode()


def _bytes_to(value):
    raw = os.fsencode(value)
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(raw).decode()}


class Pending:
    """A submitted action whose answer may be waited for once or often."""

    def __init__(self):
        self._done = threading.Event()
        self._answer = None

    def set(self, answer):
        self._answer = answer
        self._done.set()

    def wait(self):
        """Returns the Answer; raises CoordinatorGone."""
        self._done.wait()
        if self._answer is None:
            raise CoordinatorGone()
        return self._answer


class Client:
    def __init__(self, path, name):
        """Connects; raises OSError when there is no coordinator."""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.connect(path)
        self._lock = threading.Lock()
        self._pending = {}
        self._next = 1
        self._gone = False
        environment = {key: _bytes_to(value) for key, value in os.environ.items()}
        self._send({"op": "hello", "version": 1, "client": name, "pid": os.getpid(), "environment": environment})
        threading.Thread(target=self._read, name="extfarm", daemon=True).start()

    def submit(self, kind, argv, *, group="", stdin="", inputs=(), outputs=(), extra_paths=(), driver=""):
        """Hands one command over and returns its Pending at once; raises CoordinatorGone."""
        pending = Pending()
        with self._lock:
            if self._gone:
                raise CoordinatorGone()
            number, self._next = str(self._next), self._next + 1
            self._pending[number] = pending
        message = {
            "op": "submit",
            "id": number,
            "kind": kind,
            "group": group,
            "argv": [_bytes_to(word) for word in argv],
            "cwd": _bytes_to(os.getcwd()),
            "stdin": stdin,
            "inputs": [_bytes_to(path) for path in inputs],
            "outputs": [_bytes_to(path) for path in outputs],
            "toolchain": {"driver": driver, "extra_paths": list(extra_paths)},
        }
        try:
            self._send(message)
        except OSError:
            self._end()
            raise CoordinatorGone() from None
        return pending

    def note_local(self, kind, reason):
        """Counts a command that was not even asked for."""
        try:
            self._send({"op": "local", "kind": kind, "reason": reason})
        except OSError:
            self._end()

    def _send(self, message):
        line = json.dumps(message).encode() + b"\n"
        with self._lock:
            self._socket.sendall(line)

    def _read(self):
        try:
            with self._socket.makefile("rb") as lines:
                for line in lines:
                    message = json.loads(line)
                    if message["op"] == "answer":
                        with self._lock:
                            pending = self._pending.pop(message["id"], None)
                        if pending is not None:
                            pending.set(Answer(message))
                    elif message["op"] == "error":
                        print("extfarm: the coordinator refused a request: " + message["message"], file=sys.stderr)
        except (OSError, ValueError, KeyError):
            pass
        self._end()

    def _end(self):
        with self._lock:
            self._gone = True
            waiting, self._pending = list(self._pending.values()), {}
        for pending in waiting:
            pending.set(None)


_client = None
_client_pid = None
_warned = False
_lock = threading.Lock()


def is_active():
    """Whether this process was asked to use the farm at all."""
    if os.environ.get("EXTFARM_DISABLE"):
        return False
    return any(os.environ.get(name) for name in ("EXTFARM_SOCKET", "EXTFARM", "SAGE_PARALLEL_DIST"))


def warn_once(reason):
    global _warned
    with _lock:
        if _warned:
            return
        _warned = True
    print("extfarm: %s; building locally" % reason, file=sys.stderr)


def connect():
    """The process's one Client, or None, with one warning, when there is no coordinator."""
    global _client, _client_pid
    path = os.environ.get("EXTFARM_SOCKET")
    if not path:
        warn_once("no coordinator (run the build as: extfarm run -- ...)")
        return None
    with _lock:
        if _client is not None and _client_pid == os.getpid():
            return _client
    try:
        made = Client(path, "python " + sys.version.split()[0])
    except OSError as error:
        warn_once("the coordinator at %s cannot be reached (%s)" % (path, error.strerror))
        return None
    with _lock:
        _client, _client_pid = made, os.getpid()
    return made
