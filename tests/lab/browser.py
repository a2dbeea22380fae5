"""A headless Chromium that is told what to do through its debugging pipe: real keys, real time, screenshots.

Knows the DevTools protocol, nothing of the pages.
"""

import base64
import json
import os
import shutil
import subprocess
import tempfile

PROGRAM = shutil.which("chromium")
KEYS = {"ArrowRight": 39, "ArrowLeft": 37, "ArrowUp": 38, "ArrowDown": 40, "Home": 36, "End": 35, "Tab": 9, "Escape": 27, "Enter": 13}


class Browser:
    def __init__(self, width=1280, height=900):
        self._profile = tempfile.mkdtemp(prefix="extfarm-browser-")
        to_it, self._write = os.pipe()
        self._read, from_it = os.pipe()

        def as_three_and_four():
            # Above both, so that neither copy overwrites what the other needs.
            first, second = os.dup(to_it), os.dup(from_it)
            spare = os.dup2(first, 60), os.dup2(second, 61)
            os.dup2(spare[0], 3)
            os.dup2(spare[1], 4)

        self._process = subprocess.Popen(
            [PROGRAM, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
             "--disable-background-networking", "--disable-component-update", "--remote-debugging-pipe",
             f"--user-data-dir={self._profile}", f"--window-size={width},{height}", "about:blank"],
            preexec_fn=as_three_and_four, close_fds=False, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True)
        os.close(to_it)
        os.close(from_it)
        self._input, self._count, self._session, self.errors = b"", 0, None, []
        target = next(t for t in self._call("Target.getTargets")["targetInfos"] if t["type"] == "page")
        self._session = self._call("Target.attachToTarget", targetId=target["targetId"], flatten=True)["sessionId"]
        self._call("Page.enable")
        self._call("Runtime.enable")
        self.resize(width, height)

    def close(self):
        self._session = None
        self._call("Browser.close")
        os.close(self._write)
        os.close(self._read)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, 9)
            self._process.wait()
        shutil.rmtree(self._profile, ignore_errors=True)

    def _message(self):
        while b"\0" not in self._input:
            more = os.read(self._read, 1 << 20)
            if not more:
                raise ConnectionError("chromium has ended")
            self._input += more
        line, self._input = self._input.split(b"\0", 1)
        message = json.loads(line)
        if message.get("method") == "Runtime.exceptionThrown":
            self.errors.append(message["params"]["exceptionDetails"])
        return message

    def _call(self, method, **parameters):
        self._count += 1
        request = {"id": self._count, "method": method, "params": parameters}
        if self._session:
            request["sessionId"] = self._session
        view = json.dumps(request).encode() + b"\0"
        while view:
            view = view[os.write(self._write, view):]
        while True:
            message = self._message()
            if message.get("id") == self._count:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']}")
                return message["result"]

    def resize(self, width, height):
        self._call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def open(self, address):
        """Loads a page; returns when its load event has come."""
        self._call("Page.navigate", url=address)
        while self._message().get("method") != "Page.loadEventFired":
            pass

    def value(self, expression):
        """What an expression of JavaScript, or what it promises, comes to."""
        result = self._call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in result:
            raise RuntimeError(result["exceptionDetails"]["exception"].get("description"))
        return result["result"].get("value")

    def press(self, key):
        parameters = {"key": key, "windowsVirtualKeyCode": KEYS.get(key, ord(key[0].upper()))}
        if len(key) == 1:
            parameters["text"] = key
        self._call("Input.dispatchKeyEvent", type="keyDown" if len(key) == 1 else "rawKeyDown", **parameters)
        self._call("Input.dispatchKeyEvent", type="keyUp", **parameters)

    def prefer(self, scheme):
        """"dark" or "light"."""
        self._call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def screenshot(self, path, whole=False):
        image = self._call("Page.captureScreenshot", captureBeyondViewport=whole)["data"]
        with open(path, "wb") as file:
            file.write(base64.b64decode(image))

    def print_to(self, path):
        with open(path, "wb") as file:
            file.write(base64.b64decode(self._call("Page.printToPDF", printBackground=True)["data"]))
