"""A graph of many small compiles that share many headers, as a ninja file and as an extfarm manifest."""

import json
import os
import random

FOLDERS = 5
FEW = 3  # sources that include few.h


def few_header(value):
    return f"#pragma once\n#define FEW {value}\n"


def source(number, value):
    return f"int f{number}(void) {{ return {value}; }}\n"


def write(folder, sources, headers_each, header_count, compiler="gcc", seed=1, objects="obj"):
    """Writes the sources, build.ninja and manifest.json.  Returns the manifest's path.  `objects`: the folder they go to."""
    chosen = random.Random(seed)
    include = []
    for number in range(FOLDERS):
        os.makedirs(os.path.join(folder, f"include{number}"), exist_ok=True)
        include.append(f"-Iinclude{number}")
    headers = [f"h{number}.h" for number in range(header_count)]
    for number, header in enumerate(headers):
        _write(os.path.join(folder, f"include{number % FOLDERS}", header), f"#pragma once\nextern int v{number};\n")
    _write(os.path.join(folder, "include0", "few.h"), few_header(0))
    os.makedirs(os.path.join(folder, "src"), exist_ok=True)
    os.makedirs(os.path.join(folder, objects), exist_ok=True)
    actions = []
    with open(os.path.join(folder, "build.ninja"), "w", encoding="ascii") as ninja:
        ninja.write(f"rule cc\n  command = {compiler} -O0 {' '.join(include)} -MD -MF $out.d -c $in -o $out\n"
                    "  deps = gcc\n  depfile = $out.d\n")
        for number in range(sources):
            name, target = f"src/s{number}.c", f"{objects}/s{number}.o"
            included = chosen.sample(headers, headers_each - (number < FEW)) + ["few.h"] * (number < FEW)
            _write(os.path.join(folder, name), "".join(f"#include <{header}>\n" for header in included)
                   + source(number, number))
            ninja.write(f"build {target}: cc {name}\n")
            actions.append({"argv": [compiler, "-O0", *include, "-c", name, "-o", target],
                            "inputs": [name], "outputs": [target]})
    path = os.path.join(folder, "manifest.json")
    with open(path, "w", encoding="ascii") as out:
        json.dump({"schema": 1, "actions": actions}, out, indent=0)
    return path


def _write(path, text):
    with open(path, "w", encoding="ascii") as out:
        out.write(text)
