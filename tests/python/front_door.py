"""A front door for the tests: a real socket that really runs what is submitted.

Knows the protocol of doc/front-door.md, written down a second time on purpose.
Refuses to use the package under test.
"""

import base64
import json
import os
import socket
import subprocess
import tempfile
import threading


def text(value):
    if isinstance(value, dict):
        return os.fsdecode(base64.b64decode(value["base64"]))
    return value


class FrontDoor:
    """Runs each command at once in a thread of its own.  `events` lists what happened, in order."""

    def __init__(self, decide=lambda action, door: None):
        """`decide` may return an answer (a dict) in place of running the action, or "hang up"."""
        self.folder = tempfile.TemporaryDirectory()
        self.path = os.path.join(self.folder.name, "door")
        self.events = []
        self.actions = []
        self.hellos = []
        self.locals = []  # every message about a command that ran locally
        self.changed = threading.Condition()
        self._decide = decide
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(self.path)
        self._listener.listen(8)
        self._threads = []
        self._connections = []
        self._spawn(self._accept)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._connections:
            self._hang_up(connection)
        for thread in self._threads:
            thread.join()
        self.folder.cleanup()

    def wait_until(self, condition, seconds=30):
        """Blocks until `condition()` holds.  Returns whether it came to hold within `seconds`."""
        with self.changed:
            return self.changed.wait_for(condition, seconds)

    def kinds(self, event):
        return [kind for what, kind, _ in self.events if what == event]

    def _spawn(self, function, *arguments):
        thread = threading.Thread(target=function, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _note(self, *event):
        with self.changed:
            self.events.append(event)
            self.changed.notify_all()

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._connections.append(connection)
            self._spawn(self._serve, connection)

    def _serve(self, connection):
        sending = threading.Lock()
        try:
            for line in connection.makefile("rb"):
                message = json.loads(line)
                if message["op"] == "hello":
                    self.hellos.append(message)
                    self._send(connection, sending, {"op": "welcome", "version": 1, "project_root": "/", "slots": 2})
                elif message["op"] == "local":
                    self.locals.append(message)
                    self._note("local", message["kind"], message["reason"])
                else:
                    self.actions.append(message)
                    self._note("submit", message["kind"], message)
                    self._spawn(self._handle, connection, sending, message)
        except OSError:
            pass
        connection.close()

    def _handle(self, connection, sending, action):
        answer = self._decide(action, self)
        if answer == "hang up":
            self._hang_up(connection)
            return
        if answer is None:
            answer = self._run(action)
        self._note("answer", action["kind"], action)
        self._send(connection, sending, dict(answer, op="answer", id=action["id"]))

    def _run(self, action):
        environment = action.get("environment", self.hellos[0]["environment"])
        done = subprocess.run([text(word) for word in action["argv"]], cwd=text(action["cwd"]),
                              env={name: text(value) for name, value in environment.items()},
                              input=text(action.get("stdin", "")).encode(), capture_output=True, check=False)
        return {"result": "failed" if done.returncode else "built", "exit_code": done.returncode,
                "stdout": done.stdout.decode(), "stderr": done.stderr.decode(), "reason": ""}

    def _send(self, connection, sending, message):
        try:
            with sending:
                connection.sendall(json.dumps(message).encode() + b"\n")
        except OSError:
            pass

    def _hang_up(self, connection):
        try:
            connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
