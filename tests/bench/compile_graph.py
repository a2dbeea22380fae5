"""A graph of many small compiles that share many headers, as a ninja file and as an extfarm manifest."""

import json
import os
import random

FOLDERS = 5


def write(folder, sources, headers_each, header_count, seed=1):
    """Writes the sources, build.ninja and manifest.json.  Returns the manifest's path."""
    chosen = random.Random(seed)
    include = []
    for number in range(FOLDERS):
        os.makedirs(os.path.join(folder, f"include{number}"), exist_ok=True)
        include.append(f"-Iinclude{number}")
    headers = [f"h{number}.h" for number in range(header_count)]
    for number, header in enumerate(headers):
        with open(os.path.join(folder, f"include{number % FOLDERS}", header), "w") as out:
            out.write(f"#pragma once\nextern int v{number};\n")
    os.makedirs(os.path.join(folder, "src"), exist_ok=True)
    os.makedirs(os.path.join(folder, "obj"), exist_ok=True)
    actions = []
    with open(os.path.join(folder, "build.ninja"), "w") as ninja:
        ninja.write("rule cc\n  command = gcc -O0 %s -MD -MF $out.d -c $in -o $out\n  deps = gcc\n  depfile = $out.d\n"
                    % " ".join(include))
        for number in range(sources):
            source, target = f"src/s{number}.c", f"obj/s{number}.o"
            with open(os.path.join(folder, source), "w") as out:
                out.writelines(f"#include <{name}>\n" for name in chosen.sample(headers, headers_each))
                out.write(f"int f{number}(void) {{ return {number}; }}\n")
            ninja.write(f"build {target}: cc {source}\n")
            actions.append({"argv": ["gcc", "-O0", *include, "-c", source, "-o", target],
                            "inputs": [source], "outputs": [target]})
    path = os.path.join(folder, "manifest.json")
    with open(path, "w") as out:
        json.dump({"schema": 1, "actions": actions}, out, indent=0)
    return path
