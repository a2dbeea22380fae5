"""Builds of a graph from a file, by `extfarm build` on this machine alone."""

import json
import os

from farm import last_build, program
from one_machine import OneMachine


def gcc(source, target, *options, **keys):
    return {"argv": ["gcc", "-fPIC", *options, "-c", source, "-o", target], "inputs": [source], "outputs": [target],
            **keys}


class GraphBuild(OneMachine):
    """`project` and `actions`: what lay_out_graph() lays out unless it is told."""

    project = {}
    actions = ()

    def lay_out_graph(self, files=None, actions=None):
        files = dict(self.project if files is None else files)
        files["graph.json"] = json.dumps({"schema": 1, "actions": list(self.actions if actions is None else actions)})
        self.lay_out(files)
        for name in files:
            if name.startswith("make-"):
                os.chmod(os.path.join(self.folder, name), 0o755)

    def build(self, *options, graph=("--manifest", "graph.json"), **variables):
        return self.run_command(program("extfarm"), "build", *graph, *options, **variables)

    def build_well(self, *options, **keys):
        done = self.build(*options, **keys)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done

    def ran(self):
        """How many actions of the last build ran: (on workers, here)."""
        actions = last_build(self.folder)["actions"]
        return actions["on_workers"], actions["passed_through"]

    def write(self, name, text):
        with open(os.path.join(self.folder, name), "w", encoding="utf-8") as out:
            out.write(text)

    def exists(self, name):
        return os.path.exists(os.path.join(self.folder, name))
