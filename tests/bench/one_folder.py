"""What it costs that objects lie beside their sources, in one folder that has thousands.

    scripts/bench one_folder [--actions 1000 4000] [--json FILE]

The same compiles of a millisecond on a worker of this machine, with their objects in a folder of their own and in that of
the sources, which is searched for headers: so each object changes a folder that answers rest upon.
"""

import argparse
import json
import os
import sys
import tempfile

import compile_graph
from growth import make_compiler
from measuring import end_daemons_on_term, run
from workers import EXTFARM, Workers, last_build, learn_compiler

HEADERS_EACH, HEADERS = 10, 20


def coordinator_ms(project, workers, actions):
    run((EXTFARM, "build", "--manifest", "manifest.json", "--local", "0", "--no-store", "-q"), project, **workers.variables)
    return 1000 * last_build(project, on_workers=actions)["coordinator_cpu_seconds"] / actions


def main():
    reader = argparse.ArgumentParser(prog="scripts/bench one_folder", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    reader.add_argument("--actions", type=int, nargs="+", default=[1000, 4000])
    reader.add_argument("--json", help="where the figures go")
    options = reader.parse_args()
    end_daemons_on_term()
    rows = []
    with tempfile.TemporaryDirectory(prefix="extfarm-one-folder-") as folder:
        tools = make_compiler(folder)
        known = learn_compiler(folder, tools + "/gcc")
        with Workers(folder, 1, 2, (tools, "/usr"), tools=known) as workers:
            for actions in options.actions:
                row = {"actions": actions}
                for kind, objects in (("apart_ms", "obj"), ("beside_ms", "src")):
                    project = os.path.join(folder, f"{kind}{actions}")
                    compile_graph.write(project, actions, HEADERS_EACH, HEADERS, tools + "/gcc", objects=objects)
                    row[kind] = coordinator_ms(project, workers, actions)
                rows.append(row)
                print(f"{actions} compiles: the coordinator takes {row['apart_ms']:.2f} ms for each with objects apart, "
                      f"{row['beside_ms']:.2f} ms with objects beside their sources", flush=True)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as out:
            json.dump({"schema": 1, "benchmark": "one_folder", "rows": rows}, out, indent=1)


if __name__ == "__main__":
    sys.exit(main())
