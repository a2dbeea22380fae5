"""One connection to the coordinator's front door (doc/front-door.md).

Knows the JSON lines of the protocol and that answers come in any order.
Refuses to know what the commands mean: no setuptools, no Cython in here.
"""

import base64
import json
import os
import socket
import sys
import threading

from extfarm import own_coordinator

PROTOCOL_VERSION = 1


class CoordinatorGone(Exception):
    """The coordinator cannot be reached, or was lost; the caller runs its command itself."""


class Answer:
    """How the coordinator dealt with one command.  `result` is a word of the protocol."""

    def __init__(self, result, exit_code=0, stdout=b"", stderr=b"", reason=""):
        self.result = result
        self.exit_code = exit_code
        self.stdout = stdout
        self.stderr = stderr
        self.reason = reason


def byte_string(value):
    """A str, bytes or path as the protocol's byte string."""
    raw = os.fsencode(value)
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(raw).decode("ascii")}


def raw_bytes(value):
    """The bytes of a byte string."""
    if isinstance(value, dict):
        return base64.b64decode(value["base64"])
    return value.encode("utf-8")


def environment_object(environment):
    """An environment as a JSON object.  A name that is not UTF-8 is left out: a key cannot carry it."""
    pairs = {}
    for name, value in environment.items():
        name = byte_string(name)
        if isinstance(name, str):
            pairs[name] = byte_string(value)
    return pairs


class Pending:
    """A submitted command whose answer has not been asked for yet."""

    def __init__(self, action):
        self.action = action
        self._arrived = threading.Event()
        self._answer = None
        self._loss = None

    def settle(self, answer=None, loss=None):
        self._answer, self._loss = answer, loss
        self._arrived.set()

    def is_made(self):
        """Whether it has been answered that its outputs are in place."""
        return self._answer is not None and self._answer.result in ("built", "fresh")

    def wait(self):
        """Blocks until answered.  Raises CoordinatorGone when the connection ended first."""
        self._arrived.wait()
        if self._answer is None:
            raise CoordinatorGone(self._loss)
        return self._answer


class Client:
    """A connection that many threads share.  Errors: CoordinatorGone, from the constructor too."""

    def __init__(self, path, client_name):
        self.path = path
        self.slots = 0
        self._greeted = tuple(os.environ.items())  # To be compared with: that is quicker than to encode each time.
        self._sending = threading.Lock()
        self._state = threading.Lock()
        self._pending = {}
        self._next_id = 1
        self._loss = None
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._socket.connect(path)
            self._lines = self._socket.makefile("rb")
            self._send({"op": "hello", "version": PROTOCOL_VERSION, "client": client_name,
                        "pid": os.getpid(), "environment": environment_object(dict(self._greeted))})
            welcome = json.loads(self._lines.readline() or b"{}")
        except (OSError, ValueError) as error:
            self._socket.close()
            raise CoordinatorGone(str(error)) from error
        if welcome.get("op") != "welcome" or welcome.get("version") != PROTOCOL_VERSION:
            self._socket.close()
            raise CoordinatorGone(welcome.get("message", "it did not say welcome"))
        self.slots = int(welcome.get("slots", 0))
        threading.Thread(target=self._read, name="extfarm reader", daemon=True).start()

    def submit(self, action):
        """Sends one action, a dict with the protocol's fields, and returns at once with its Pending."""
        action = dict(action)
        environment = action.pop("environ", None)
        current = tuple((os.environ if environment is None else environment).items())
        if current != self._greeted:
            action["environment"] = environment_object(dict(current))
        pending = Pending(action)
        with self._state:
            if self._loss is not None:
                raise CoordinatorGone(self._loss)
            identity = str(self._next_id)
            self._next_id += 1
            self._pending[identity] = pending
        self._send(dict(action, op="submit", id=identity))
        return pending

    def count_local(self, kind, reason, seconds=0.0, answered=False):
        """Tells the coordinator of a command that ran here: without being asked for, or `answered` with that."""
        try:
            self._send({"op": "local", "kind": kind, "reason": reason, "seconds": round(seconds, 3),
                        **({"answered": True} if answered else {})})
        except CoordinatorGone:
            pass  # Whoever submits next finds out and says so.

    def close(self, reason="the connection was closed"):
        """Ends the connection, which cancels what still waits."""
        self._lose(reason)

    def abandon_in_child(self):
        """After a fork: drops the descriptor without a word on the parent's connection."""
        self._loss = "the connection belongs to the parent process"
        self._socket.close()

    def _send(self, message):
        line = json.dumps(message).encode("ascii") + b"\n"
        try:
            with self._sending:
                self._socket.sendall(line)
        except OSError as error:
            self._lose(str(error))
            raise CoordinatorGone(str(error)) from error

    def _read(self):
        reason = "it closed the connection"
        try:
            for line in self._lines:
                self._deliver(json.loads(line))
        except (OSError, ValueError, KeyError) as error:
            reason = str(error)
        self._lose(reason)

    def _deliver(self, message):
        with self._state:
            pending = self._pending.pop(message.get("id"), None)
        if pending is None:
            return
        if message["op"] == "error":
            pending.settle(Answer("run_locally", reason=message.get("message", "")))
            return
        pending.settle(Answer(message["result"], int(message.get("exit_code", 0)),
                              raw_bytes(message.get("stdout", "")), raw_bytes(message.get("stderr", "")),
                              message.get("reason", "")))

    def _lose(self, reason):
        with self._state:
            if self._loss is None:
                self._loss = reason
            orphans, self._pending = list(self._pending.values()), {}
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        for pending in orphans:
            pending.settle(loss=self._loss)


_opening = threading.Lock()
_client = None
_given_up = False


def wanted():
    """Whether this process was asked to build on the farm at all."""
    if os.environ.get("EXTFARM_DISABLE"):
        return False
    return bool(os.environ.get("EXTFARM_SOCKET") or os.environ.get("EXTFARM") == "1"
                or os.environ.get("SAGE_PARALLEL_DIST"))


def farm():
    """This process's Client, connected at the first call; None when there is no coordinator, said once.

    Asked for without `extfarm run`, the farm is this process's own: it then starts
    a coordinator, which its child processes share.
    """
    global _client
    with _opening:
        if _given_up or not wanted():
            return None
        if _client is not None:
            return _client
        try:
            if not os.environ.get("EXTFARM_SOCKET"):
                os.environ["EXTFARM_SOCKET"] = own_coordinator.start()
            path = os.environ["EXTFARM_SOCKET"]
            _client = Client(path, _client_name())
        except own_coordinator.NotStarted as error:
            _give_up(f"extfarm: no coordinator could be started ({error}); building locally. "
                     "Run the build as: extfarm run -- …")
        except CoordinatorGone as error:
            _give_up(f"extfarm: the coordinator at {path} cannot be reached ({error}); building locally. "
                     "Run the build as: extfarm run -- …")
        return _client


def lost(error):
    """Records that the coordinator went away in mid-build; the process says so once and goes on alone."""
    with _opening:
        if not _given_up:
            _give_up(f"extfarm: lost the coordinator ({error}); building the rest locally. "
                     "Nothing needs to be done; start the build again to use the farm")


def _give_up(words):
    global _client, _given_up
    _client, _given_up = None, True
    if os.environ.get("EXTFARM_QUIET") == "1":
        return
    try:
        print(words, file=sys.stderr, flush=True)
    except UnicodeEncodeError:
        print(words.encode("ascii", "replace").decode("ascii"), file=sys.stderr, flush=True)


def _client_name():
    setuptools = sys.modules.get("setuptools")
    version = getattr(setuptools, "__version__", None)
    return f"setuptools {version}" if version else f"python {sys.version_info[0]}.{sys.version_info[1]}"


def _after_fork():
    global _client, _opening
    _opening = threading.Lock()
    own_coordinator.forget_in_child()
    if _client is not None:
        _client.abandon_in_child()
        _client = None


os.register_at_fork(after_in_child=_after_fork)
