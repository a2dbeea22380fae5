"""Runs the compiles of a JSON list [[word, …], …] one after another and writes what each took: {"client": [seconds, …],
"all": seconds}.  "client" is the processor time of each command with its children, "all" that of this process too.

    compile_each.py COMMANDS.json RESULT.json
"""

import json
import os
import resource
import sys


def main(commands, result):
    with open(commands, encoding="utf-8") as file:
        todo = json.load(file)
    client = []
    for argv in todo:
        pid = os.posix_spawn(argv[0], argv, os.environ)
        _, status, used = os.wait4(pid, 0)
        if status != 0:
            sys.exit(f"{' '.join(argv)}: exit code {os.waitstatus_to_exitcode(status)}")
        client.append(used.ru_utime + used.ru_stime)
    own = resource.getrusage(resource.RUSAGE_SELF)
    with open(result, "w", encoding="utf-8") as out:
        json.dump({"client": client, "all": sum(client) + own.ru_utime + own.ru_stime}, out)


if __name__ == "__main__":
    main(*sys.argv[1:])
