"""What a compile costs the host that submits it: processor time there, beside distcc and icecream.

    scripts/bench client_cost [--compiles N] [--json FILE]

A C++ file with four standard headers and a C file with Python.h.  The compile itself is another process's, which is not
counted: an extfarm-worker started apart, a distccd, an iceccd that is not the submitting one.  Counted are, of distcc and
icecream, the client with what it starts, and icecream's daemon of the submitting host; of extfarm the coordinator with what
it starts, from its start to its end, divided by the compiles, and with extfarm-cc the launcher too.
"""

import argparse
import json
import os
import statistics
import sys
import sysconfig
import tempfile

import other_farms
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
TARGET_MS = {"extfarm build": 2, "extfarm-cc": 5}


class Compiles:
    def __init__(self, folder, what, count):
        self.folder = os.path.join(folder, "project")
        os.makedirs(self.folder)
        ending, compiler, flags, text = SOURCES[what]
        self.actions = []
        for number in range(count):
            with open(os.path.join(self.folder, f"s{number}.{ending}"), "w", encoding="ascii") as out:
                out.write(text.replace("N", str(number)) if ending == "cc" else text.replace("mN", f"m{number}"))
            self.actions.append([compiler, "-O2", *flags, "-c", f"s{number}.{ending}", "-o", f"s{number}.o"])
        with open(os.path.join(self.folder, "manifest.json"), "w", encoding="utf-8") as out:
            json.dump({"schema": 1, "actions": [{"argv": argv, "inputs": [argv[-3]], "outputs": [argv[-1]]}
                                                for argv in self.actions]}, out)

    def write_commands(self, *before):
        with open(os.path.join(self.folder, "commands.json"), "w", encoding="utf-8") as out:
            json.dump([[*before, *argv] for argv in self.actions], out)
        return (sys.executable, COMPILE_EACH, "commands.json", "result.json")

    def result(self):
        with open(os.path.join(self.folder, "result.json"), encoding="utf-8") as file:
            return json.load(file)

    def one_by_one(self, *before, within=(), **variables):
        """Mean processor seconds of the commands."""
        run((*within, *self.write_commands(*before)), self.folder, **variables)
        return statistics.fmean(self.result()["client"])

    def on(self, farm):
        """The first compile, for which icecream packs its compiler, is not counted."""
        first = self.write_commands(*farm.command)
        with open(os.path.join(self.folder, "commands.json"), encoding="utf-8") as file:
            one = json.load(file)[:1]
        with open(os.path.join(self.folder, "commands.json"), "w", encoding="utf-8") as out:
            json.dump(one, out)
        run((*farm.within, *first), self.folder, **farm.variables)
        before = farm.daemon_cpu_seconds()
        client = self.one_by_one(*farm.command, within=farm.within, **farm.variables)
        return {"client": client, "daemon": (farm.daemon_cpu_seconds() - before) / len(self.actions)}

    def through_a_manifest(self, workers):
        command = [EXTFARM, "build", "--manifest", "manifest.json", "--local", "0", "--no-store", "--force"]
        sample = run(command, self.folder, **workers.variables)
        last_build(self.folder, len(self.actions))
        return {"coordinator": sample.cpu / len(self.actions)}

    def through_the_launcher(self, workers):
        command = [EXTFARM, "run", "--local", "0", "--no-store", "--force", "--",
                   *self.write_commands(os.path.join(PROGRAMS, "extfarm-cc"))]
        sample = run(command, self.folder, **workers.variables)
        last_build(self.folder, len(self.actions))
        told = self.result()
        return {"client": statistics.fmean(told["client"]),
                "coordinator": max(0.0, sample.cpu - told["all"]) / len(self.actions)}


def measure(what, count):
    costs, left_out = {}, {}
    with tempfile.TemporaryDirectory(prefix="extfarm-bench-") as folder:
        compiles = Compiles(folder, what, count)
        costs["plain compile"] = {"client": compiles.one_by_one()}
        with Workers(folder) as workers:
            costs["extfarm build"] = compiles.through_a_manifest(workers)
            costs["extfarm-cc"] = compiles.through_the_launcher(workers)
        for farm_class in (other_farms.Distcc, other_farms.Icecream):
            reason = farm_class.why_not()
            if reason is None:
                where = os.path.join(folder, farm_class.name)
                os.makedirs(where)
                try:
                    with farm_class(where) as farm:
                        costs[farm_class.name] = compiles.on(farm)
                except RuntimeError as error:
                    reason = str(error)
            if reason is not None:
                left_out[farm_class.name] = reason
                print(f"NOT MEASURED, {farm_class.name}: {reason}", flush=True)
    return costs, left_out


def rows_of(what, costs):
    rows = []
    for name, parts in costs.items():
        row = {"what": what, "by": name, "cpu_ms": 1e3 * sum(parts.values()),
               "parts_ms": {part: 1e3 * seconds for part, seconds in parts.items()}, "target_ms": TARGET_MS.get(name)}
        row["ratios"] = {f"over {other}": row["cpu_ms"] / (1e3 * sum(costs[other].values()))
                         for other in ("distcc", "icecream") if name in TARGET_MS and other in costs}
        rows.append(row)
        parts_text = ", ".join(f"{part} {value:.2f}" for part, value in row["parts_ms"].items())
        print(f"{what:24} {name:14} {row['cpu_ms']:8.2f} ms   ({parts_text})"
              + "".join(f"   {ratio:.4f} {text}" for text, ratio in row["ratios"].items())
              + (f"   target {row['target_ms']} ms" if row["target_ms"] else ""), flush=True)
    return rows


def main():
    reader = argparse.ArgumentParser(prog="scripts/bench client_cost", description=__doc__.splitlines()[0])
    reader.add_argument("--compiles", type=int, default=50, help="of each kind, by each")
    reader.add_argument("--json")
    options = reader.parse_args()
    end_daemons_on_term()
    rows, left_out = [], {}
    for what in SOURCES:
        costs, missing = measure(what, options.compiles)
        left_out.update(missing)
        rows += rows_of(what, costs)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as out:
            json.dump({"benchmark": "client_cost", "compiles": options.compiles, "not_measured": left_out, "rows": rows},
                      out, indent=1)


if __name__ == "__main__":
    main()
