#!/usr/bin/python3
"""Turns what extfarm recorded of a build into a trace that the benchmarks replay.

    record_trace.py NAME .extfarm/trace.json FILE

A trace is {"schema": 1, "name", "recorded", "steps": [[category, seconds, guess, peak MiB, [earlier steps]], …]}; the
category is 16 × kind + language, as the farm has it; seconds are processor time of the attempt that counted, so that
a busy machine may record.  It has to be a first build, for only then are there guesses.
"""

import json
import os
import sys

KINDS = {"cythonize": 0, "compile": 1, "link": 2, "archive": 3, "other": 4}
LANGUAGES = {".o": 1}


def steps_of(events):
    spans = [e for e in events if e["ph"] == "X" and e["args"]["counted"]]
    spans.sort(key=lambda span: span["args"]["action"])
    position = {span["args"]["action"]: number for number, span in enumerate(spans)}
    steps = []
    for span in spans:
        args = span["args"]
        if args["guess_ms"] == 0:
            raise SystemExit(f"record_trace: {span['name']} was remembered, not guessed: record a first build (rm -r .extfarm)")
        language = LANGUAGES.get(os.path.splitext(span["name"])[1], 0)
        steps.append([16 * KINDS[span["cat"]] + language, round(args["cpu_ms"] / 1000, 4),
                      round(args["guess_ms"] / 1000, 4), round(args["peak_memory_bytes"] / (1 << 20)),
                      sorted(position[a] for a in args["after"] if a in position)])
    return steps


def main(name, source, target):
    with open(source, encoding="utf-8") as file:
        steps = steps_of(json.load(file)["traceEvents"])
    with open(target, "w", encoding="utf-8") as out:
        out.write('{"schema": 1, "name": %s, "recorded": "by extfarm run", "steps": [\n' % json.dumps(name))
        out.write(",\n".join(json.dumps(step, separators=(",", ":")) for step in steps))
        out.write("\n]}\n")
    print(f"{target}: {len(steps)} steps, {sum(step[1] for step in steps):.1f} s")


if __name__ == "__main__":
    main(*sys.argv[1:])
