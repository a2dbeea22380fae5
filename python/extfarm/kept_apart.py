"""Keeps extensions apart that compile one source to one object, and leaves in the end what a plain build would.

Knows which files two extensions share and how gcc lays out a depfile.  Refuses
to know compilers and the farm.
"""

import os
import re
import shutil

_DEPFILE_COLUMNS = 72  # gcc's deps_write breaks lines there


def private_folders(extensions, build_temp):
    """For each extension, the build_temp of its own that it needs, or None.

    Two extensions that compile one source write one object path; in a serial
    build the last one's stays there, and so it does here.
    """
    owner = _last_owners(extensions)
    folders = []
    for index, extension in enumerate(extensions):
        shared = any(owner[stem] != index for stem in stems(extension))
        folders.append(os.path.join(build_temp, "extfarm", extension.name) if shared else None)
    return folders


def leave_as_plain(extensions, folders, build_temp):
    """Copies out of each extension's own folder what a plain build would have left in build_temp."""
    owner = {stem.lstrip("/"): index for stem, index in _last_owners(extensions).items()}
    for index, top in enumerate(folders):
        for folder, _, names in os.walk(top or ""):
            for name in names:
                path = os.path.join(folder, name)
                relative = os.path.relpath(path, top)
                if owner.get(_stem_of(relative), index) == index:
                    target = os.path.join(build_temp, relative)
                    os.makedirs(os.path.dirname(target), exist_ok=True)
                    shutil.copy2(path, target)
                    if name.endswith(".d"):
                        _name_target_in(target, path, top, build_temp)


def stems(extension):
    """The sources of an extension without their suffixes, which is what names their objects."""
    return {os.path.splitext(os.path.normpath(os.fspath(source)))[0] for source in extension.sources or ()}


def _stem_of(path):
    """As `stems`, of what a compiler makes of a source: a.o, a.o.d, a.gcno."""
    return re.sub(r"(\.o)?\.[^./]+$", "", path)


def _last_owners(extensions):
    return {stem: index for index, extension in enumerate(extensions) for stem in stems(extension)}


def _name_target_in(depfile, original, top, build_temp):
    with open(depfile, encoding="utf-8", errors="surrogateescape") as file:
        text = file.read()
    rule = re.match(r"((?:[^\\\n]|\\\n|\\.)*?): *((?:[^\\\n]|\\\n|\\.)*)\n", text)
    if rule is None or os.path.join(top, "") not in rule.group(1):
        return
    target = rule.group(1).strip().replace(os.path.join(top, ""), os.path.join(build_temp, ""))
    names = re.findall(r"(?:\\[^\n]|[^\\\s])+", rule.group(2))
    times = os.stat(original)
    with open(depfile, "w", encoding="utf-8", errors="surrogateescape") as file:
        file.write(depfile_rule(target, names) + text[rule.end():])
    os.utime(depfile, ns=(times.st_atime_ns, times.st_mtime_ns))


def depfile_rule(target, names):
    """One rule, its names escaped already, with gcc's line breaks."""
    text, column = target + ":", len(os.fsencode(target)) + 1
    for name in names:
        size = len(os.fsencode(name))
        if column + size > _DEPFILE_COLUMNS:
            text, column = text + " \\\n", 0
        text, column = text + " " + name, column + 1 + size
    return text + "\n"
