"""What came of one build of one project: read from its log and from `.extfarm/`.

Knows schema 1 of last-build.json and the fields of trace.json.
"""

import json
import os
import re

SLOWEST = 10
# What compilers, linkers, make, Cython and Python say when they give up, best first.
_CAUSES = [re.compile(pattern) for pattern in (
    r"(fatal )?error: (?!command)", r"undefined reference to|cannot find -l", r"^[\w.]*(Error|Exception)\b",
    r"\*\*\* .*Error \d+", r"error:|\bFAILED\b")]


def first_cause(text):
    """The first line of a log that says why, or its last line; "" for an empty log."""
    lines = [line.rstrip() for line in text.splitlines() if line.strip()]
    for cause in _CAUSES:
        for line in lines:
            if cause.search(line) and not line.startswith("extfarm: "):
                return line.strip()[:400]
    return lines[-1][:400] if lines else ""


def _json(path):
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except (OSError, ValueError):
        return None


def of_build(folder, log_text, exit_code, seconds):
    """A dict for the night's record; figures are absent when extfarm left none."""
    out = {"exit_code": exit_code, "seconds": round(seconds, 2), "ok": exit_code == 0}
    if exit_code != 0:
        out["cause"] = first_cause(log_text)
    build = _json(os.path.join(folder, ".extfarm", "last-build.json"))
    if build is None or build.get("schema") != 1:
        return out
    out["actions"] = build["actions"]
    out["efficiency"] = build["efficiency"]
    out["slots"] = build["slots"]
    out["work_seconds"] = build["seconds"]["run_total"]
    trace = _json(os.path.join(folder, ".extfarm", "trace.json")) or {"traceEvents": []}
    hosts = {event["pid"]: event["args"]["name"] for event in trace["traceEvents"] if event.get("name") == "process_name"}
    spans = [event for event in trace["traceEvents"] if event.get("ph") == "X"] if build["actions"]["on_workers"] else []
    spans.sort(key=lambda event: -event["dur"])
    out["slowest"] = [[event["name"], event["cat"], round(event["dur"] / 1e6, 2)] for event in spans[:SLOWEST]]
    out["misbehaved"] = _misbehaved(build, spans, hosts)
    return out


def _misbehaved(build, spans, hosts):
    """worker → what it did, in words."""
    found = {}
    for event in spans:
        if event["args"]["counted"]:
            continue
        outcome = event["args"]["outcome"].replace("_", " ")
        counts = found.setdefault(hosts.get(event["pid"], "?"), {})
        counts[outcome] = counts.get(outcome, 0) + 1
    words = {worker: ", ".join(f"{count} × {outcome}" for outcome, count in sorted(counts.items()))
             for worker, counts in found.items()}
    for worker in build["workers"]:
        if worker["quarantined"]:
            words[worker["id"]] = (words.get(worker["id"], "") + ", taken out").lstrip(", ")
    return words
