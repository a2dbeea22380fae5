"""The pages in a browser (headless Chromium): report.html of 20,000 actions, and the live page beside a real build.

EXTFARM_SCREENSHOTS=FOLDER keeps pictures of them.
"""

import http.client
import json
import os
import re
import signal
import subprocess
import tempfile
import unittest

from browser import Browser
from farm import PROGRAMS, last_build, program
from hosts import wait_until
from slow_make import SlowMake

SAMPLE_REPORT = os.environ.get("SAMPLE_REPORT", os.path.join(os.path.dirname(PROGRAMS), "tests", "bin", "sample_report"))
TWO_FRAMES = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
# Zooms in and out by the keyboard's own way; how long each step and the frame after it took, in milliseconds, sorted.
FRAME_TIMES = """(async () => {
  const canvas = document.getElementById("timeline"), times = [];
  for (let i = 0; i < 40; i++) {
    const start = performance.now();
    canvas.dispatchEvent(new KeyboardEvent("keydown", {key: i % 20 < 10 ? "+" : "-"}));
    await new Promise(requestAnimationFrame);
    await new Promise(done => setTimeout(done));
    times.push(performance.now() - start);
  }
  return times.sort((a, b) => a - b);
})()"""
LIGHT_COMPILE, DARK_COMPILE = "37,99,201", "127,176,255"  # page.css
PIXELS = """(() => { const c = document.getElementById("timeline"), d = c.getContext("2d").getImageData(160, 0, 400, c.height).data;
  const seen = new Set(); for (let i = 0; i < d.length; i += 4) seen.add(d[i] + "," + d[i + 1] + "," + d[i + 2]); return [...seen]; })()"""


def setUpModule():
    InBrowser.browser = Browser()
    unittest.addModuleCleanup(InBrowser.browser.close)


class InBrowser(unittest.TestCase):
    browser = None

    def setUp(self):
        super().setUp()
        self.browser.errors.clear()

    def picture(self, name, whole=False):
        folder = os.environ.get("EXTFARM_SCREENSHOTS")
        self.browser.value(TWO_FRAMES)
        if folder:
            self.browser.screenshot(os.path.join(folder, name + ".png"), whole)

    def text(self, element):
        return self.browser.value(f"document.getElementById({json.dumps(element)}).textContent")


class Report(InBrowser):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="extfarm-report-")
        cls.addClassCleanup(folder.cleanup)
        cls.path = os.path.join(folder.name, "report.html")
        subprocess.run([SAMPLE_REPORT, "20000", cls.path], check=True)

    def setUp(self):
        super().setUp()
        self.browser.prefer("light")
        self.browser.open("file://" + self.path)
        self.browser.value(TWO_FRAMES)

    def span(self):
        self.browser.value(TWO_FRAMES)
        return self.browser.value("(c => c.to - c.from)(document.getElementById('timeline').dataset)")

    def test_twenty_thousand_actions_open_and_zoom_without_stutter(self):
        load = self.browser.value("performance.getEntriesByType('navigation')[0].loadEventEnd")
        frames = self.browser.value(FRAME_TIMES)
        print(f"report of 20,000 actions, {os.path.getsize(self.path) / 1e6:.1f} MB: loaded in {load:.0f} ms, a zoom step and its frame "
              f"{frames[20]:.0f} ms (median), {frames[-1]:.0f} ms (longest)", flush=True)
        self.assertLess(load, 15_000)
        self.assertLess(frames[20], 250)
        self.assertEqual(self.browser.errors, [])
        self.picture("report")

    def test_it_works_by_the_keyboard_alone(self):
        browser = self.browser
        for _ in range(12):
            browser.press("Tab")
            if browser.value("document.activeElement.id") == "timeline":
                break
        self.assertEqual(browser.value("document.activeElement.id"), "timeline")
        browser.press("n")
        first = self.text("details")
        self.assertIn("on the longest chain", first)
        browser.press("n")
        self.assertNotEqual(self.text("details"), first)
        browser.press("p")
        self.assertEqual(self.text("details"), first)
        before = self.span()
        for _ in range(6):
            browser.press("+")
        self.assertLess(self.span(), before / 8)
        for key in ("ArrowRight", "ArrowDown", "ArrowLeft", "ArrowUp", "End", "Home"):
            shown = self.text("details")
            browser.press(key)
            if key in ("ArrowRight", "ArrowDown", "End"):
                self.assertNotEqual(self.text("details"), shown, key)
        self.picture("report-zoomed")
        browser.press("0")
        self.assertAlmostEqual(self.span(), before, 3)
        browser.press("c")
        self.assertEqual(browser.value("document.getElementById('follow').getAttribute('aria-pressed')"), "true")
        browser.press("/")
        self.assertEqual(browser.value("document.activeElement.id"), "find")
        for letter in "module77/":
            browser.press(letter)
        self.assertRegex(self.text("found"), r"^8 attempts, ")
        browser.press("Enter")
        self.assertIn("package/module77/", self.text("details"))
        self.assertEqual(browser.errors, [])

    def test_dark_light_and_paper(self):
        background = "getComputedStyle(document.body).backgroundColor"
        light, pixels = self.browser.value(background), set(self.browser.value(PIXELS))
        self.browser.prefer("dark")
        self.browser.value(TWO_FRAMES)
        self.assertNotEqual(self.browser.value(background), light)
        self.assertIn(LIGHT_COMPILE, pixels)
        self.assertNotIn(DARK_COMPILE, pixels)
        self.assertIn(DARK_COMPILE, self.browser.value(PIXELS))
        self.picture("report-dark", whole=True)
        paper = self.path + ".pdf"
        self.browser.print_to(paper)
        with open(paper, "rb") as file:
            pages = len(re.findall(rb"/Type /Page\b", file.read()))
        self.assertGreater(pages, 3)
        self.assertEqual(self.browser.errors, [])
        self.browser.value(TWO_FRAMES)
        self.assertIn(DARK_COMPILE, self.browser.value(PIXELS), "afterwards the screen is as before")

    def test_what_it_says_of_losses_and_local_commands(self):
        for words in ("work", "retries"):
            self.assertIn(words, self.text("losses"))
        self.assertIn("probe", self.text("local"))
        self.browser.value("document.querySelector('#local details').open = true")
        wait_until(lambda: "gcc -E conftest7.c" in self.text("local"), "the commands")
        self.assertIn("package.module", self.text("groups"))


class Live(SlowMake, InBrowser):
    def serve(self, *options):
        page = self.start("page", program("extfarm"), "status", "--serve", *options)
        self.address = wait_until(lambda: re.search(r"http://127\.0\.0\.1:(\d+)/ shows", self.log("page")), "page: " + self.log("page"))
        self.port = int(self.address.group(1))
        return page

    def ask(self, path, method="GET", **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        self.addCleanup(connection.close)
        connection.request(method, path, headers=headers)
        return connection.getresponse()

    def metrics(self):
        """The samples by name and labels."""
        lines = self.ask("/metrics").read().decode().splitlines()
        return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in lines if not line.startswith("#")}

    def events(self):
        answer = self.ask("/events")
        self.assertEqual(answer.getheader("Content-Type"), "text/event-stream")
        while True:
            line = answer.readline().decode()
            if line.startswith("data: "):
                yield json.loads(line[6:])

    def test_a_running_build_is_seen_and_then_the_last_one(self):
        self.let_two_take(1.6)
        self.start_other()
        page, events = self.serve("127.0.0.1:0"), self.events()
        first = next(events)
        self.assertIsNone(first["build"])
        self.assertEqual([worker["slots"] for worker in first["workers"]], [2])
        self.assertEqual(self.metrics()["extfarm_build_running"], 0)
        self.browser.open(f"http://127.0.0.1:{self.port}/")
        wait_until(lambda: self.text("status") == "no build runs", "status")
        self.assertIn("2 slots", self.text("workers"))

        build = self.start("build", program("extfarm"), "run", "-j", "2", "--", *self.make)
        state = next(s for s in events if s["build"] and s["build"]["actions"]["running"] >= 2)
        titles = [attempt["title"] for worker in state["build"]["workers"] for attempt in worker["running"]]
        self.assertTrue(all(re.fullmatch(r"a_rather_long_name_of_a_source_file_\d\.o", title) for title in titles), titles)
        self.assertGreaterEqual(state["build"]["left"], 0)  # where this comes late: nothing by what the actions were guessed to take
        metrics = self.metrics()
        self.assertEqual(metrics["extfarm_build_running"], 1)
        self.assertEqual(sum(value for name, value in metrics.items() if name.startswith("extfarm_worker_running")),
                         metrics['extfarm_build_actions{state="running"}'])
        wait_until(lambda: "file_1.o" in self.text("workers"), "the long action on the page: " + self.text("workers"))
        self.picture("live")
        self.assertEqual(build.wait(60), 0, self.log("build"))

        last = next(s for s in events if s["build"] is None and s["last"])["last"]
        self.assertEqual(last, last_build(self.folder))
        self.assertEqual(self.metrics()['extfarm_last_build_actions{state="on_workers"}'], 6)
        wait_until(lambda: self.text("status") == "no build runs" and "100 %" not in self.text("status"), "the end")
        self.browser.prefer("dark")
        self.picture("live-after")
        self.assertFalse(os.path.lexists(os.path.join(self.folder, ".extfarm", "door")))
        self.browser.open(f"http://127.0.0.1:{self.port}/report")
        self.assertIn("a_rather_long", self.text("slowest"))
        self.assertEqual(self.browser.errors, [])
        page.send_signal(signal.SIGTERM)
        self.assertEqual(page.wait(10), 0)

    def test_only_this_machines_own_names_are_answered_and_nothing_can_be_changed(self):
        self.serve("127.0.0.1:0")
        for path in ("/", "/events", "/metrics", "/report", "/nowhere"):
            answer = self.ask(path, Host="extfarm.evil.example")
            self.assertEqual(answer.status, 403, path)
            self.assertNotIn(b"extfarm_", answer.read())
        for method in ("POST", "PUT", "DELETE", "OPTIONS", "HEAD"):
            self.assertEqual(self.ask("/metrics", method).status, 405, method)
        answer = self.ask("/metrics", Origin="http://evil.example")
        self.assertEqual([name for name, _ in answer.getheaders() if name.lower().startswith("access-control")], [])
        self.assertIn("default-src 'none'", answer.getheader("Content-Security-Policy"))
        self.assertEqual(self.ask("/../../../../etc/passwd").status, 404)
        for address in ("0.0.0.0:0", "[::]:0"):
            done = self.run_command(program("extfarm"), "status", "--serve", address)
            self.assertEqual(done.returncode, 2)
            self.assertIn("--to-network", done.stderr)
        done = self.run_command(program("extfarm"), "status", "--serve", f"127.0.0.1:{self.port}")
        self.assertEqual(done.returncode, 75, "another server has the port")

    def test_without_an_address_it_is_port_7180_on_loopback(self):
        page = self.start("page", program("extfarm"), "status", "--serve")
        # Where another process has that port, the refusal names it.
        wait_until(lambda: re.search(r"http://127\.0\.0\.1:7180/ shows|cannot listen at 127\.0\.0\.1, port 7180", self.log("page")), "address")
        page.send_signal(signal.SIGTERM)
        self.assertIn(page.wait(10), (0, 75))

    def test_a_name_out_of_a_build_is_text_on_the_page(self):
        hostile = "<img src=x onerror=document.title='taken'>.c"
        self.lay_out({hostile: "int f(void) { return 1; }\n"})
        self.serve("127.0.0.1:0")
        self.browser.open(f"http://127.0.0.1:{self.port}/")
        with open(self.compiler, "w", encoding="utf-8") as out:
            out.write('#!/bin/sh\ncase "$*" in *" -c "*) sleep 1.2 ;; esac\nexec /usr/bin/gcc "$@"\n')
        build = self.start("build", program("extfarm"), "run", "-j", "1", "--", program("extfarm-cc"), self.compiler, "-c", hostile,
                           "-o", hostile[:-2] + ".o")
        wait_until(lambda: "onerror" in self.text("workers"), "the action on the page")
        self.assertEqual(self.browser.value("document.querySelectorAll('img').length"), 0)
        self.assertEqual(build.wait(60), 0, self.log("build"))
        self.browser.open(f"http://127.0.0.1:{self.port}/report")
        self.assertIn("onerror", self.text("slowest"))
        self.assertEqual(self.browser.value("document.querySelectorAll('img').length"), 0)
        self.assertNotEqual(self.browser.value("document.title"), "taken")


if __name__ == "__main__":
    unittest.main()
