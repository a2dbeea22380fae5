"""What a compile costs the host that submits it: processor time there, beside distcc and icecream.

    scripts/bench client_cost [--compiles FEW MANY] [--rounds N] [--kind KIND] [--folder DIR] [--json FILE]

A C++ file with four standard headers and a C file with Python.h.  The compile itself is another process's, which is not
counted: an extfarm-worker started apart, a distccd, an iceccd that is not the submitting one.  Counted are, of distcc and
icecream, the client with what it starts, and icecream's daemon of the submitting host; of extfarm the coordinator with what
it starts, from its start to its end, and with extfarm-cc the launcher too.

A build costs something however little it compiles, and something more for each compile: builds of FEW and of MANY tell the
two apart.  Each is made in a tree without records or objects (cold), and then again there with --force (warm).  Medians of
the rounds.  The floor is a static program that does nothing, started as extfarm-cc is.

With --kind quick each file includes 180 headers and quick_compiler.c compiles it in a millisecond: what extfarm itself
costs, on a busy machine too, and without the other farms.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import sysconfig
import tempfile

import other_farms
from incremental import quick_compiler
from measuring import end_daemons_on_term, run
from workers import EXTFARM, PROGRAMS, Workers, last_build

HERE = os.path.dirname(os.path.abspath(__file__))
COMPILE_EACH = os.path.join(HERE, "compile_each.py")
SOURCES = {
    "C++ with four headers": ("cc", "/usr/bin/g++", (), """#include <iostream>
#include <vector>
#include <map>
#include <string>
int fN(const std::map<std::string, std::vector<int>> &m) { for (auto &p : m) std::cout << p.first << p.second.size(); return N; }
"""),
    "C with Python.h": ("c", "/usr/bin/gcc", ("-fPIC", "-I" + sysconfig.get_path("include")), """#include <Python.h>
static struct PyModuleDef def = {PyModuleDef_HEAD_INIT, "mN", 0, -1, 0};
PyMODINIT_FUNC PyInit_mN(void) { return PyModule_Create(&def); }
"""),
}
QUICK, QUICK_HEADERS = "quick", 180
TARGET_MS = {"extfarm build": 2, "extfarm-cc": 5}
PLAIN_COMPILES, EMPTY_STARTS = 10, 200


class Compiles:
    """So many compiles in a folder of their own.  What they took comes in seconds, by who took it, all together."""

    def __init__(self, folder, what, count):
        self.folder = folder
        os.makedirs(self.folder)
        ending, compiler, flags, text = self.quick_source() if what == QUICK else SOURCES[what]
        self.actions = []
        for number in range(count):
            with open(os.path.join(self.folder, f"s{number}.{ending}"), "w", encoding="ascii") as out:
                out.write(text.replace("N", str(number)) if ending == "cc" else text.replace("mN", f"m{number}"))
            self.actions.append([compiler, "-O2", *flags, "-c", f"s{number}.{ending}", "-o", f"s{number}.o"])
        with open(os.path.join(self.folder, "manifest.json"), "w", encoding="utf-8") as out:
            json.dump({"schema": 1, "actions": [{"argv": argv, "inputs": [argv[-3]], "outputs": [argv[-1]]}
                                                for argv in self.actions]}, out)

    def quick_source(self):
        names = [f"part{number % 2}/header{number}.h" for number in range(QUICK_HEADERS)]
        for name in names:
            os.makedirs(os.path.dirname(os.path.join(self.folder, "include", name)), exist_ok=True)
            with open(os.path.join(self.folder, "include", name), "w", encoding="ascii") as out:
                out.write("#define HEADER\n")
        text = "".join(f"#include <{name}>\n" for name in names) + "int mN;\n"
        return "c", quick_compiler(os.path.dirname(self.folder)), ("-Iinclude",), text

    def forget(self):
        """Neither records nor objects are left."""
        shutil.rmtree(os.path.join(self.folder, ".extfarm"), ignore_errors=True)
        for argv in self.actions:
            if os.path.exists(os.path.join(self.folder, argv[-1])):
                os.remove(os.path.join(self.folder, argv[-1]))

    def one_by_one(self, commands):
        """The command that runs them; result() then says what they took."""
        with open(os.path.join(self.folder, "commands.json"), "w", encoding="utf-8") as out:
            json.dump(commands, out)
        return sys.executable, COMPILE_EACH, "commands.json", "result.json"

    def result(self):
        with open(os.path.join(self.folder, "result.json"), encoding="utf-8") as file:
            return json.load(file)

    def alone(self, commands, within=(), **variables):
        run((*within, *self.one_by_one(commands)), self.folder, **variables)
        return {"client": sum(self.result()["client"])}

    def on(self, farm):
        """The first compile, for which icecream packs its compiler, is not counted."""
        commands = [[*farm.command, *argv] for argv in self.actions]
        self.alone(commands[:1], farm.within, **farm.variables)
        before = farm.daemon_cpu_seconds()
        client = self.alone(commands, farm.within, **farm.variables)["client"]
        return {"client": client, "daemon": farm.daemon_cpu_seconds() - before}

    def through_a_manifest(self, workers):
        command = [EXTFARM, "build", "--manifest", "manifest.json", "--local", "0", "--no-store", "--force"]
        sample = run(command, self.folder, **workers.variables)
        last_build(self.folder, len(self.actions))
        return {"coordinator": sample.cpu}

    def through_the_launcher(self, workers):
        launcher = os.path.join(PROGRAMS, "extfarm-cc")
        command = [EXTFARM, "run", "--local", "0", "--no-store", "--force", "--",
                   *self.one_by_one([[launcher, *argv] for argv in self.actions])]
        sample = run(command, self.folder, **workers.variables)
        last_build(self.folder, len(self.actions))
        told = self.result()
        return {"client": sum(told["client"]), "coordinator": max(0.0, sample.cpu - told["all"])}


def per_compile(parts, count):
    return {part: 1e3 * seconds / count for part, seconds in parts.items()}


def median_of(samples):
    return {part: statistics.median(sample[part] for sample in samples) for part in samples[0]}


def row_of_builds(by, state, samples):
    """From {count: [seconds by who took it, …]} of two counts: what each compile adds, and what all have in common."""
    few, many = sorted(samples)
    small, large = median_of(samples[few]), median_of(samples[many])
    parts = {part: 1e3 * (large[part] - small[part]) / (many - few) for part in small}
    marginal = sum(parts.values())
    return {"by": by, "state": state, "cpu_ms": marginal, "parts_ms": parts,
            "fixed_ms": 1e3 * sum(small.values()) - few * marginal,
            "whole_ms": {count: 1e3 * sum(found.values()) / count for count, found in ((few, small), (many, large))},
            "rounds": len(samples[few]), "target_ms": TARGET_MS[by]}


def builds(folder, what, counts, rounds):
    """Rows of extfarm: each way, from each state."""
    samples = {}
    with Workers(folder, trusted=("/usr", os.path.join(folder, "tools"))) as workers:
        projects = [Compiles(os.path.join(folder, f"project{count}"), what, count) for count in counts]
        ways = [("extfarm build", Compiles.through_a_manifest), ("extfarm-cc", Compiles.through_the_launcher)]
        projects[0].through_a_manifest(workers)  # The worker, too, has seen the compiler then.
        for number in range(rounds):
            for project in projects:
                for by, through in ways if number % 2 == 0 else reversed(ways):
                    project.forget()
                    for state in ("cold", "warm"):
                        taken = samples.setdefault((by, state), {}).setdefault(len(project.actions), [])
                        taken.append(through(project, workers))
    return [row_of_builds(by, state, found) for (by, state), found in sorted(samples.items())]


def empty_program(folder):
    source, program = os.path.join(folder, "empty.c"), os.path.join(folder, "empty")
    with open(source, "w", encoding="ascii") as out:
        out.write("int main(void) { return 0; }\n")
    subprocess.run(["gcc", "-O2", "-static", "-o", program, source], check=True)
    return program


def others(folder, what, count):
    """Rows of what is not extfarm, and who could not be measured, with the reason."""
    compiles = Compiles(os.path.join(folder, "others"), what, count)
    found = {"plain compile": per_compile(compiles.alone(compiles.actions[:PLAIN_COMPILES]),
                                          len(compiles.actions[:PLAIN_COMPILES])),
             "start of a program": per_compile(compiles.alone([[empty_program(folder)]] * EMPTY_STARTS), EMPTY_STARTS)}
    left_out = {}
    for farm_class in (other_farms.Distcc, other_farms.Icecream):
        reason = farm_class.why_not()
        if reason is None:
            where = os.path.join(folder, farm_class.name)
            os.makedirs(where)
            try:
                with farm_class(where) as farm:
                    found[farm_class.name] = per_compile(compiles.on(farm), count)
            except RuntimeError as error:
                reason = str(error)
        if reason is not None:
            left_out[farm_class.name] = reason
            print(f"NOT MEASURED, {farm_class.name}: {reason}", flush=True)
    return [{"by": by, "cpu_ms": sum(parts.values()), "parts_ms": parts} for by, parts in found.items()], left_out


def show(row):
    parts = ", ".join(f"{part} {value:.2f}" for part, value in row["parts_ms"].items())
    text = f"{row['what']:22} {row['by']:18} {row.get('state', ''):5} {row['cpu_ms']:8.2f} ms   ({parts})"
    if "fixed_ms" in row:
        text += f"   and {row['fixed_ms']:.0f} ms a build; all in one: "
        text += ", ".join(f"{value:.2f} ms with {count}" for count, value in row["whole_ms"].items())
    text += "".join(f"   {ratio:.4f} {name}" for name, ratio in row.get("ratios", {}).items())
    print(text + (f"   aim {row['target_ms']} ms" if "target_ms" in row else ""), flush=True)


def measure(what, counts, rounds, place):
    with tempfile.TemporaryDirectory(prefix="extfarm-bench-", dir=place) as folder:
        rows, left_out = ([], {}) if what == QUICK else others(folder, what, min(counts))
        rivals = {row["by"]: row["cpu_ms"] for row in rows if row["by"] in ("distcc", "icecream")}
        rows += builds(folder, what, counts, rounds)
    for row in rows:
        row["what"] = what
        if "target_ms" in row:
            row["ratios"] = {f"of {name}'s": row["cpu_ms"] / theirs for name, theirs in rivals.items()}
        show(row)
    return rows, left_out


def main():
    reader = argparse.ArgumentParser(prog="scripts/bench client_cost", description=__doc__.splitlines()[0])
    reader.add_argument("--compiles", type=int, nargs=2, default=(50, 200), metavar=("FEW", "MANY"),
                        help="of each kind, by each; the other farms make FEW")
    reader.add_argument("--rounds", type=int, default=3, help="of each build of extfarm; the medians count")
    reader.add_argument("--kind", choices=(*SOURCES, QUICK), help="only this one")
    reader.add_argument("--folder", help="where the projects are made; otherwise among temporary files")
    reader.add_argument("--json")
    options = reader.parse_args()
    end_daemons_on_term()
    if not 0 < options.compiles[0] < options.compiles[1]:
        reader.error("--compiles takes a small number and a larger one")
    rows, left_out = [], {}
    for what in [options.kind] if options.kind else SOURCES:
        found, missing = measure(what, options.compiles, options.rounds, options.folder)
        left_out.update(missing)
        rows += found
    if options.json:
        with open(options.json, "w", encoding="utf-8") as out:
            json.dump({"benchmark": "client_cost", "compiles": options.compiles, "not_measured": left_out, "rows": rows},
                      out, indent=1)


if __name__ == "__main__":
    main()
