"""What `status`, `explain`, `history` and `report` say of a real build, to people and, with --json, to programs."""

import json
import os
import re
import signal
import unittest

from farm import SOURCES, last_build, program
from one_machine import OneMachine, c_project



def documented_keys(heading):
    """Every word in backticks of that section of doc/json.md."""
    with open(os.path.join(SOURCES, "doc", "json.md"), encoding="utf-8") as file:
        sections = re.split(r"^## (.*)\n", file.read(), flags=re.M)
    return {"schema"} | set(re.findall(r"`([a-z0-9_]+)`", dict(zip(sections[1::2], sections[2::2]))[heading]))


def keys_of(value):
    if isinstance(value, list):
        return set().union(*map(keys_of, value))
    # The keys of `reasons` are texts.
    return set(value).union(*(keys_of(inner) for key, inner in value.items() if key != "reasons")) if isinstance(value, dict) else set()


class CommandsOfAFolder(OneMachine):
    def ask(self, *words, expected=0):
        done = self.run_command(program("extfarm"), *words)
        self.assertEqual(done.returncode, expected, done.stdout + done.stderr)
        return done.stdout if expected == 0 else done.stderr

    def ask_json(self, heading, *words, expected=0):
        done = self.run_command(program("extfarm"), *words)
        self.assertEqual(done.returncode, expected, done.stderr)
        told = json.loads(done.stdout)
        self.assertEqual(told["schema"], 1)
        self.assertLessEqual(keys_of({key: value for key, value in told.items() if key != "last_build"}), documented_keys(heading))
        return told

    def build(self):
        self.lay_out(c_project("one", "two"))
        done = self.run_build("--local", "2")
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_before_any_build_each_says_what_to_do(self):
        self.lay_out({})
        os.makedirs(self.folder)
        for words in (("explain", "a.o"), ("explain",), ("history",), ("report",), ("report", "--json"), ("history", "--json")):
            self.assertIn("build here first", self.ask(*words, expected=1))

    def test_after_a_build(self):
        self.build()
        self.explain()
        self.history()
        self.report()

    def explain(self):
        both = self.ask_json("extfarm explain --json TARGET…", "explain", "--json", "two", "two.c")
        self.assertEqual([target["target"] for target in both["targets"]], ["two", "two.c"])
        actions = both["targets"][0]["actions"]
        self.assertEqual([(action["kind"], action["group"]) for action in actions], [("compile", "two"), ("link", "two")])
        self.assertRegex(actions[0]["output"], r"^build/temp.*two\.o$")
        for action in actions:
            self.assertEqual(action["last_build"]["state"], "ran")
            self.assertNotEqual(action["last_build"]["reason"], "")
            self.assertEqual(action["now"], {"state": "fresh", "reason": ""})
        with open(os.path.join(self.folder, "two.c"), "a", encoding="utf-8") as file:
            file.write("int more;\n")
        edited = self.ask_json("extfarm explain --json TARGET…", "explain", "--json", "two.c")["targets"][0]["actions"][0]
        self.assertEqual((edited["now"]["state"], edited["now"]["reason"]), ("would_run", "two.c changed"))
        self.assertIn("now: would run, because two.c changed", self.ask("explain", "two.c"))
        unknown = self.ask_json("extfarm explain --json TARGET…", "explain", "--json", "three", expected=1)
        self.assertEqual(unknown["targets"], [{"target": "three", "actions": []}])

        local = self.ask_json("extfarm explain --json", "explain", "--json")
        self.assertEqual(local["count"], last_build(self.folder)["actions"]["passed_through"])

    def history(self):
        told = self.ask_json("extfarm history --json [TARGET…]", "history", "--json")
        self.assertEqual(sorted((action["group"], action["kind"]) for action in told["actions"]),
                         [(name, kind) for name in ("one", "two") for kind in ("compile", "link")])
        medians = [action["median_seconds"] for action in told["actions"]]
        self.assertEqual(medians, sorted(medians, reverse=True))
        for action in told["actions"]:
            self.assertEqual([run["host"] for run in action["runs"]], [os.uname().nodename])
            self.assertEqual(action["runs"][0]["run_seconds"], action["median_seconds"])
            self.assertGreater(action["runs"][0]["peak_memory_bytes"], 1 << 20)
            self.assertEqual(action["behind_seconds"] > 0, action["kind"] == "compile", action)
        one = self.ask_json("extfarm history --json [TARGET…]", "history", "--json", "one", "one.c")
        self.assertEqual({action["group"] for action in one["actions"]}, {"one"})
        self.assertEqual(len(one["actions"]), 2, "an action that has two of the names is told once")
        self.assertIn(told["actions"][0]["output"], self.ask("history").splitlines()[1])
        self.assertIn(os.uname().nodename, self.ask("history", "one"))
        self.assertIn("nothing is known of three", self.ask("history", "three", expected=1))

    def report(self):
        page = os.path.join(self.folder, ".extfarm", "report.html")
        told = self.ask_json("extfarm report --json", "report", "--json")
        self.assertEqual(told["report_path"], page)
        self.assertEqual(told["last_build"], last_build(self.folder))
        self.assertLessEqual(keys_of(told["last_build"]), documented_keys(".extfarm/last-build.json"))
        text = self.ask("report")
        self.assertIn("the last build: ok, exit code 0", text)
        self.assertIn("actions: 4 in all, 4 on workers, 0 up to date", text)
        self.assertEqual(text.splitlines()[-1], "report: " + page)
        viewer = self.path("bin", "xdg-open")
        os.makedirs(os.path.dirname(viewer))
        with open(viewer, "w", encoding="utf-8") as file:
            file.write('#!/bin/sh\necho "shown: $1"\n')
        os.chmod(viewer, 0o755)
        opened = self.run_command(program("extfarm"), "report", "--open", PATH=self.path("bin") + ":/usr/bin:/bin")
        self.assertEqual(opened.stdout.splitlines()[-1], "shown: " + page)

    def test_status(self):
        self.lay_out({})
        os.makedirs(self.folder)
        self.assertEqual(self.ask_json("extfarm status --json", "status", "--json")["workers"], [])
        worker = self.start_worker("worker", slots=3)
        told = self.ask_json("extfarm status --json", "status", "--json")
        self.assertEqual(told["rendezvous"], self.path("home", ".extfarm", "workers"))
        self.assertEqual([(found["host"], found["slots"]) for found in told["workers"]], [(os.uname().nodename, 3)])
        self.assertIn(told["workers"][0]["id"], self.ask("status"))
        self.assertIn(told["workers"][0]["public_key"], self.ask("keys"))
        with open(os.path.join(told["rendezvous"], "bad.json"), "w", encoding="utf-8") as file:
            file.write("{")
        self.assertIn("bad.json", self.ask_json("extfarm status --json", "status", "--json")["complaints"][0])
        worker.send_signal(signal.SIGTERM)
        self.assertEqual(worker.wait(), 0)

    def test_the_doctors_keys_are_documented(self):
        self.lay_out({})
        os.makedirs(self.folder)
        told = self.ask_json("extfarm doctor --json", "doctor", "--json", "--compiler", "gcc")
        self.assertEqual(told["exit_code"], 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
