"""What is to be built at night, from a TOML file.

Knows the file's keys and what each must look like.  Refuses to look at the
projects themselves.
"""

import dataclasses
import os
import shutil
import tomllib


class ConfigError(Exception):
    """What is wrong with the file, where, and what to write instead."""


@dataclasses.dataclass(frozen=True)
class Project:
    name: str
    source: str                # a git repository (path or address), or a folder that is copied
    command: tuple
    revision: str = ""         # git only; empty: what the source has checked out
    check: tuple = ()          # run after a successful build; its failure is the project's
    environment: dict = dataclasses.field(default_factory=dict)
    options: tuple = ()        # of `extfarm run`
    repetitions: int = 1
    limit_minutes: float = 0   # 0: none


@dataclasses.dataclass(frozen=True)
class Config:
    path: str
    state: str                 # folder of nights, work trees and the history
    projects: tuple
    extfarm: str
    environment: dict = dataclasses.field(default_factory=dict)
    hook: tuple = ()           # gets the summary on its standard input
    keep_nights: int = 60


_STRING, _WORDS, _TABLE, _COUNT, _NUMBER = "a string", "a list of strings", "a table of strings", "a whole number above 0", "a number"
_PROJECT_KEYS = {"name": _STRING, "source": _STRING, "command": _WORDS, "revision": _STRING, "check": _WORDS,
                 "environment": _TABLE, "options": _WORDS, "repetitions": _COUNT, "limit_minutes": _NUMBER}
_TOP_KEYS = {"state": _STRING, "extfarm": _STRING, "environment": _TABLE, "hook": _WORDS, "keep_nights": _COUNT}


def _fits(value, kind):
    if kind == _STRING:
        return isinstance(value, str) and value != ""
    if kind == _WORDS:
        return isinstance(value, list) and value != [] and all(isinstance(word, str) for word in value)
    if kind == _TABLE:
        return isinstance(value, dict) and all(isinstance(text, str) for text in value.values())
    if isinstance(value, bool):
        return False
    return isinstance(value, int) and value > 0 if kind == _COUNT else isinstance(value, (int, float)) and value >= 0


def _checked(table, keys, required, where):
    for key, value in table.items():
        if key not in keys:
            raise ConfigError(f"{where}: the key \"{key}\" is not known; known are {', '.join(sorted(keys))}")
        if not _fits(value, keys[key]):
            raise ConfigError(f"{where}: \"{key}\" must be {keys[key]}, and is {value!r}")
    for key in required:
        if key not in table:
            raise ConfigError(f"{where}: \"{key}\" is missing; it is {keys[key]}")
    return {key: tuple(value) if isinstance(value, list) else value for key, value in table.items()}


def _path(text, folder):
    """As the file means it: `~` is the home, a relative path is seen from the file; addresses stay."""
    if "://" in text or ("@" in text.split("/")[0] and ":" in text):
        return text
    return os.path.normpath(os.path.join(folder, os.path.expanduser(text)))


def _project(table, number, path):
    where = f"{path}: project {number}"
    if not isinstance(table, dict):
        raise ConfigError(f"{where} must be a table: write [[project]]")
    found = _checked(table, _PROJECT_KEYS, ("name", "source", "command"), where)
    if "/" in found["name"] or found["name"].startswith("."):
        raise ConfigError(f"{where}: the name {found['name']!r} becomes a folder's: no / in it, no . at its start")
    found["source"] = _path(found["source"], os.path.dirname(path))
    return Project(**found)


def read(path):
    """The Config.  Errors: ConfigError, with the file, the project and the key."""
    path = os.path.abspath(path)
    try:
        with open(path, "rb") as file:
            table = tomllib.load(file)
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is no TOML: {error}") from error
    projects = table.pop("project", [])
    if not isinstance(projects, list) or not projects:
        raise ConfigError(f"{path}: no project; add a [[project]] with name, source and command")
    found = _checked(table, _TOP_KEYS, ("state",), path)
    found["state"] = _path(found["state"], os.path.dirname(path))
    beside = os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..", "build", "bin", "extfarm")
    program = found.setdefault("extfarm", shutil.which("extfarm") or os.path.normpath(beside))
    if shutil.which(os.path.expanduser(program)) is None:
        raise ConfigError(f"{path}: there is no program {program}; set \"extfarm\" to its path")
    found["extfarm"] = shutil.which(os.path.expanduser(program))
    read_projects = tuple(_project(project, number, path) for number, project in enumerate(projects, 1))
    names = [project.name for project in read_projects]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"{path}: two projects have the name {name!r}")
    return Config(path=path, projects=read_projects, **found)
