"""Edits of an edited_project.Project, drawn at random.

An edit changes the project's value, or tells what to do to files on the disk
(touch them, damage outputs).  Knows no build and does nothing to a disk itself.
"""

import copy
import dataclasses
import typing

from edited_project import COMMON, FIRST, GROUPS, OWN, Header, Module, Extension, Source, add_c_extension, folders_of


@dataclasses.dataclass
class Step:
    """One step: the project after it, in words, and what happens to files: (what, path)."""
    project: typing.Any
    words: typing.List[str]
    disk: typing.List[typing.Tuple[str, str]]


class Edits:
    """Draws steps.  `outputs_of(project)`: the paths of all that a build makes."""

    def __init__(self, outputs_of):
        self._outputs_of = outputs_of
        self._earlier = []
        self._fresh = 100  # numbers and names that were never used

    def next(self, rng, project):
        step = Step(copy.deepcopy(project), [], [])
        count = 1 if rng.random() < 0.8 else rng.randrange(2, 5)
        while len(step.words) < count:
            kind = rng.choices([edit for edit, _ in KINDS], [weight for _, weight in KINDS])[0]
            words = kind(self, rng, step)
            if words:
                step.words.append(words)
        self._earlier = (self._earlier + [project])[-12:]
        return step

    def _new(self):
        self._fresh += 1
        return self._fresh

    # What needs no build at all.
    def touch(self, rng, step):
        paths = sorted(step.project.files())
        chosen = paths if rng.random() < 0.1 else rng.sample(paths, rng.randrange(1, 6))
        step.disk += [("touch", path) for path in chosen]
        return "touch " + ("everything" if len(chosen) == len(paths) else " ".join(chosen))

    def rewrite(self, rng, step):
        path = rng.choice(sorted(step.project.files()))
        step.disk.append(("rewrite", path))
        return f"write {path} anew with the same content"

    def other_file(self, rng, step):
        path = rng.choice(["README", "include/common/unused.h", "include/a/unused.h", "src/unused.h", "pkg/unused.pxi"])
        if path in step.project.others and rng.random() < 0.5:
            del step.project.others[path]
            return f"delete {path}, which nothing reads"
        step.project.others[path] = f"/* {self._new()} */\n"
        return f"write {path}, which nothing reads"

    def unrelated_variable(self, rng, step):
        step.project.environment["EDITED_NOTE"] = str(self._new())
        return "set a variable that no build reads"

    # Edits of text.
    def _anything(self, rng, project):
        return rng.choice([*project.headers.values(), *project.sources.values(), *project.modules.values()])

    def comment(self, rng, step):
        item = self._anything(rng, step.project)
        item.comment = rng.choice(["", f"note {self._new()}"])
        return f"comment in {item.path}: {item.comment!r}"

    def number(self, rng, step):
        item = self._anything(rng, step.project)
        item.number = rng.randrange(10)
        keeps = rng.random() < 0.3
        step.disk += [("keep time", item.path)] if keeps else []
        return f"number in {item.path}: {item.number}" + (", time of change kept" if keeps else "")

    def header_number(self, rng, step):
        item = rng.choice(list(step.project.headers.values()))
        item.number = rng.randrange(10)
        return f"number in {item.path}: {item.number}"

    def declaration(self, rng, step):
        item = rng.choice([module for module in step.project.modules.values() if module.has_pxd])
        item.declared = rng.randrange(10)
        return f"number in {item.pxd}: {item.declared}"

    def constant(self, rng, step):
        name = rng.choice(sorted(step.project.constants))
        step.project.constants[name] = rng.randrange(10)
        return f"number in pkg/{name}: {step.project.constants[name]}"

    def includes(self, rng, step):
        """A source starts or stops to include a header that its extensions find."""
        project = step.project
        extension = rng.choice([e for e in project.extensions if not project.is_cython(e)])
        source = project.sources[rng.choice(extension.sources)]
        names = {h.name for h in project.headers.values() if h.folder == COMMON}
        if source.module:
            names |= {h.name for h in project.headers.values() if h.folder == OWN.format(self._group(extension))}
        names = sorted(names - set(source.includes) - {"optional.h"})
        if len(source.includes) > 1 and rng.random() < 0.5:
            return f"{source.path} no longer includes {source.includes.pop(rng.randrange(len(source.includes)))}"
        if not names:
            return None
        source.includes.append(rng.choice(names))
        return f"{source.path} includes {source.includes[-1]}"

    def cimports(self, rng, step):
        item = rng.choice([m for m in step.project.modules.values() if m.name not in ("base", "tree", "heap")])
        if item.includes and rng.random() < 0.5:
            return f"{item.path} no longer includes {item.includes.pop()}"
        name = rng.choice(["base", "tree", "heap"])
        if name in item.cimports:
            item.cimports.remove(name)
            return f"{item.path} no longer cimports {name}"
        item.cimports.append(name)
        return f"{item.path} cimports {name}"

    def own_pxd(self, rng, step):
        item = rng.choice([m for m in step.project.modules.values() if m.name not in ("base", "tree", "heap")])
        item.has_pxd = not item.has_pxd
        return f"{item.pxd} " + ("comes to be" if item.has_pxd else "is deleted")

    def extern(self, rng, step):
        item = rng.choice(list(step.project.modules.values()))
        item.externs = [] if item.externs else ["common0.h"] if "include/common/common0.h" in step.project.headers else []
        return f"{item.path} declares functions of {item.externs}"

    # Headers and sources that come, go, and are renamed.
    def _group(self, extension):
        return next(folder[len("include/"):] for folder in extension.include_dirs if folder[len("include/"):] in GROUPS)

    def add_header(self, rng, step):
        name = f"new{self._new()}.h"
        header = Header(COMMON, name, rng.randrange(10))
        step.project.headers[header.path] = header
        user = rng.choice([*step.project.headers.values(), *step.project.sources.values()])
        if user is header or user.path.endswith("/optional.h"):
            return f"add {header.path}"
        user.includes.append(name)
        return f"add {header.path}, included by {user.path}"

    def _users(self, project, name):
        return [item for item in [*project.headers.values(), *project.sources.values()] if name in item.includes]

    def delete_header(self, rng, step):
        project = step.project
        header = rng.choice([h for h in project.headers.values() if not h.folder.startswith("include/first")])
        if (len(project.headers) < 10 or header.name == "optional.h"
                or any(header.name in m.externs for m in project.modules.values())):
            return None
        for path in [path for path, other in project.headers.items() if other.name == header.name]:
            del project.headers[path]
        for user in self._users(project, header.name):
            user.includes.remove(header.name)
        return f"delete {header.path} and all that includes it no longer does"

    def rename_header(self, rng, step):
        project = step.project
        header = rng.choice([h for h in project.headers.values() if h.folder != "src"])
        if header.name == "optional.h" or any(header.name in m.externs for m in project.modules.values()):
            return None
        old, new = header.name, f"name{self._new()}.h"
        for path in [path for path, other in project.headers.items() if other.name == old]:
            moved = project.headers.pop(path)
            moved.name = new
            project.headers[moved.path] = moved
        for user in self._users(project, old):
            user.includes[user.includes.index(old)] = new
        return f"rename {header.folder}/{old} to {new}, in all that includes it too"

    def optional(self, rng, step):
        path = COMMON + "/optional.h"
        if step.project.headers.pop(path, None):
            return f"delete {path}, asked for by __has_include"
        step.project.headers[path] = Header(COMMON, "optional.h", rng.randrange(10))
        return f"add {path}, asked for by __has_include"

    def shadow(self, rng, step):
        project = step.project
        shadows = [h for h in project.headers.values() if h.folder == "src" or h.folder.startswith("include/first")]
        if shadows and rng.random() < 0.5:
            gone = rng.choice(shadows)
            if not any(h.name == gone.name and h is not gone for h in project.headers.values()):
                return None
            del project.headers[gone.path]
            return f"delete {gone.path}, which shadowed another"
        below = [h for h in project.headers.values() if h not in shadows]
        shadowed = rng.choice(below)
        over = copy.deepcopy(shadowed)
        over.folder = rng.choice(["src"] + [FIRST.format(group) for group in GROUPS])
        over.number = rng.choice([over.number, rng.randrange(10)])
        over.asked = ""
        over.includes = [n for n in over.includes if n.startswith(("common", "new", "name"))]
        over.includes = [n for n in over.includes if COMMON + "/" + n in project.headers]
        if over.path in project.headers:
            return None
        project.headers[over.path] = over
        return f"{over.path} shadows {shadowed.path}"

    def add_extension(self, rng, step):
        project = step.project
        if len(project.extensions) > 46:
            return self.delete_extension(rng, step)
        number = self._new()
        if rng.random() < 0.3:
            module = Module(f"mod{number}", rng.randrange(10), ["base"])
            project.modules[module.name] = module
            project.extensions.append(Extension(f"pkg.{module.name}", [module.path], folders_of(rng.choice(GROUPS)),
                                                flags=["-g0", "-w"]))
        else:
            add_c_extension(project, rng, f"e{number}", rng.choice(GROUPS), rng.random() < 0.2)
        return f"add the extension {project.extensions[-1].name}"

    def delete_extension(self, rng, step):
        project = step.project
        extension = rng.choice([e for e in project.extensions if len(e.sources) == 1 and e.name != "pkg.text"
                                and e.name not in ("pkg.base", "pkg.tree", "pkg.heap")])
        if len(project.extensions) < 36:
            return None
        project.extensions.remove(extension)
        for path in extension.sources:
            project.sources.pop(path, None)
            project.modules.pop(extension.name[4:], None)
        return f"delete the extension {extension.name}"

    def add_source(self, rng, step):
        extension = rng.choice([e for e in step.project.extensions if e.sources[0].endswith(".c")])
        if len(extension.sources) > 1 and "src/shared.c" not in extension.sources and rng.random() < 0.7:
            path = extension.sources.pop()
            del step.project.sources[path]
            return f"{extension.name} loses {path}"
        source = Source(f"src/more{self._new()}.c", rng.randrange(10), [])
        step.project.sources[source.path] = source
        extension.sources.append(source.path)
        return f"{extension.name} gets {source.path}"

    def rename_source(self, rng, step):
        project = step.project
        source = rng.choice(list(project.sources.values()))
        old, new = source.path, f"src/moved{self._new()}.c"
        del project.sources[old]
        source.path = new
        project.sources[new] = source
        for extension in project.extensions:
            extension.sources = [new if path == old else path for path in extension.sources]
        return f"rename {old} to {new}"

    # Commands.
    def all_flags(self, rng, step):
        step.project.flags = rng.choice([["-O0"], ["-O1"], ["-O0", "-DEVERYWHERE=1"], ["-O0", "-fno-common"]])
        return f"flags of all extensions: {step.project.flags}"

    def environment_flags(self, rng, step):
        if not step.project.environment.pop("CFLAGS", None):
            step.project.environment["CFLAGS"] = "-O0 -DFROM_ENVIRONMENT"
        return f"environment {step.project.environment}"

    def flags(self, rng, step):
        extension = rng.choice(step.project.extensions)
        if step.project.is_cython(extension):
            extension.flags = ["-g0", "-w"] + rng.choice([[], ["-DONE"]])
        else:
            extension.flags = rng.choice([[], ["-O1"], ["-DONE"], ["-std=gnu11"], ["-g0"]])
        return f"flags of {extension.name}: {extension.flags}"

    def link_flags(self, rng, step):
        extension = rng.choice(step.project.extensions)
        extension.link_flags = rng.choice([[], ["-Wl,-O1"], ["-lm"], ["-s"]])
        return f"link flags of {extension.name}: {extension.link_flags}"

    def macro(self, rng, step):
        extension = rng.choice(step.project.extensions)
        if "VALUE" in extension.macros and rng.random() < 0.3:
            del extension.macros["VALUE"]
        else:
            extension.macros["VALUE"] = str(rng.randrange(10))
        return f"macros of {extension.name}: {extension.macros}"

    def include_dirs(self, rng, step):
        extension = rng.choice(step.project.extensions)
        rng.shuffle(extension.include_dirs)
        return f"include_dirs of {extension.name}: {extension.include_dirs}"

    def extension_order(self, rng, step):
        extensions = step.project.extensions
        at = rng.randrange(len(extensions) - 1)
        extensions[at], extensions[at + 1] = extensions[at + 1], extensions[at]
        return f"{extensions[at].name} now comes before {extensions[at + 1].name} in setup.py"

    def all_directives(self, rng, step):
        step.project.directives = rng.choice([{}, {"boundscheck": False}, {"wraparound": False}])
        return f"directives of all modules: {step.project.directives}"

    def directive(self, rng, step):
        module = rng.choice(list(step.project.modules.values()))
        module.directive = rng.choice(["", "boundscheck=False", "cdivision=True", "embedsignature=True"])
        return f"directive in {module.path}: {module.directive!r}"

    # Outputs.
    def damage(self, rng, step):
        outputs = self._outputs_of(step.project)
        chosen = rng.sample(outputs, rng.choice([1, 1, 1, 3]))
        what = [(rng.choice(["delete", "append", "empty"]), path) for path in chosen]
        step.disk += what
        return " and ".join(f"{word} {path}" for word, path in what)

    def swap_outputs(self, rng, step):
        libraries = [path for path in self._outputs_of(step.project) if path.endswith(".so")]
        one, other = rng.sample(libraries, 2)
        step.disk += [("swap with " + other, one)]
        return f"swap {one} and {other}"

    def revert(self, rng, step):
        if not self._earlier:
            return None
        steps = rng.randrange(1, len(self._earlier) + 1)
        step.project = copy.deepcopy(self._earlier[-steps])
        return f"go back to what was {steps} steps before"

    def nothing(self, rng, step):
        return "nothing at all"


KINDS = ((Edits.touch, 4), (Edits.rewrite, 3), (Edits.other_file, 3), (Edits.unrelated_variable, 1),
         (Edits.comment, 8), (Edits.number, 10), (Edits.header_number, 5), (Edits.declaration, 3), (Edits.constant, 2),
         (Edits.includes, 5), (Edits.cimports, 3), (Edits.own_pxd, 3), (Edits.extern, 1), (Edits.add_header, 4),
         (Edits.delete_header, 2), (Edits.rename_header, 3), (Edits.optional, 2), (Edits.shadow, 8),
         (Edits.add_extension, 2), (Edits.delete_extension, 2), (Edits.add_source, 3), (Edits.rename_source, 3),
         (Edits.all_flags, 0.5), (Edits.environment_flags, 0.5), (Edits.flags, 4), (Edits.link_flags, 2),
         (Edits.macro, 4), (Edits.include_dirs, 3), (Edits.extension_order, 2), (Edits.all_directives, 0.7),
         (Edits.directive, 2), (Edits.damage, 8), (Edits.swap_outputs, 1), (Edits.revert, 7), (Edits.nothing, 1))
