"""The commands and options of the programs, as their --help tells them: what completions and manual pages are held to.

Knows the layout of --help, and nothing of how completions and pages are made.
"""

import os
import re
import subprocess

from farm import program

SHARE = os.path.join(os.path.dirname(os.environ.get("EXTFARM_PROGRAMS", os.path.dirname(program("extfarm")))), "share")


def help_of(*words):
    return subprocess.run([program(words[0]), *words[1:], "--help"], capture_output=True, text=True, check=True).stdout


def commands():
    """The commands of extfarm."""
    listed = help_of("extfarm").split("Subcommands:\n")[1]
    return re.findall(r"^  ([a-z]+) ", listed, flags=re.M)


def options_at(*words):
    """Those of a command and of the commands within it: completions look at the first command only."""
    listed = help_of(*words)
    within = re.findall(r"^  ([a-z]+) ", listed.split("Subcommands:\n")[1], flags=re.M) if "Subcommands:" in listed else []
    return options(*words).union(*(options(*words, inner) for inner in within))


def options(*words):
    """Every name of an option of that command, such as ("extfarm", "run")."""
    listed = help_of(*words).split("Options:\n")[1].split("Subcommands:")[0]
    names = re.findall(r"^  (-\S+)", listed, flags=re.M)
    return {re.sub(r"\{.*?\}", "", name) for joined in names for name in joined.split(",")}
