#!/usr/bin/python3
"""Writes a trace like Sage's extensions: 530 of them, each transpiled, compiled and linked.

    sage_like.py FILE [SEED]

The distribution: a transpile takes lognormal(ln 1.1 s, 0.9), at most 20 s; its compile 2.2 times as long, times
lognormal(0, 0.5); one extension in six compiles two to five more sources of lognormal(ln 2 s, 0.8); a link takes
0.05 to 0.25 s.  Peak memory of a compile is 150 MiB and 60 MiB for each second, a transpile's 120 MiB.  The guess from
size is the duration times lognormal(0, 0.6): size says that much about it.
"""

import json
import random
import sys

TRANSPILE, COMPILE, COMPILE_CXX, LINK = 0, 17, 18, 32  # categories: 16 × kind + language


def generate(seed=1, extensions=530):
    chance = random.Random(seed)
    steps = []

    def add(category, seconds, mebibytes, after):
        steps.append([category, round(seconds, 3), round(seconds * chance.lognormvariate(0, 0.6), 3), round(mebibytes), after])
        return len(steps) - 1

    transpiles = []
    for _ in range(extensions):
        transpiles.append(min(20.0, chance.lognormvariate(0.095, 0.9)))
    first = [add(TRANSPILE, seconds, 120, []) for seconds in transpiles]
    for number, seconds in enumerate(transpiles):
        language = chance.choice((COMPILE, COMPILE, COMPILE_CXX))
        own = 2.2 * seconds * chance.lognormvariate(0, 0.5)
        objects = [add(language, own, 150 + 60 * own, [first[number]])]
        if chance.random() < 1 / 6:
            for _ in range(chance.randint(2, 5)):
                other = chance.lognormvariate(0.69, 0.8)
                objects.append(add(language, other, 150 + 60 * other, []))
        add(LINK, chance.uniform(0.05, 0.25), 60, objects)
    return {"schema": 1, "name": "sage-like", "recorded": f"generated, seed {seed}", "steps": steps}


if __name__ == "__main__":
    with open(sys.argv[1], "w", encoding="utf-8") as out:
        json.dump(generate(int(sys.argv[2]) if len(sys.argv) > 2 else 1), out)
