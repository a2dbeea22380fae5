"""A project of about 40 extensions as a value, and its files.

A header, a source or a module is a few fields; its text follows from them, so
an edit changes fields and every mention follows.  Knows what setup.py, C and
Cython may say.  Refuses to know who builds it, and how: no process, no disk.
"""

import dataclasses
import typing

GROUPS = ("a", "b", "c")  # an extension searches the folders of its own group, then include/common
FIRST, OWN, COMMON = "include/first_{}", "include/{}", "include/common"

SETUP = """from setuptools import Extension, setup
from Cython.Build import cythonize

plain = [
{plain}]
modules = [
{modules}]
setup(name="edited", version="0", packages=[], ext_modules=plain + cythonize(
    modules, quiet=True, language_level=3, compiler_directives={directives!r}))
"""


@dataclasses.dataclass
class Header:
    """`folder`/`name`.  Includes the headers of these names; `asked` is one it uses only where it exists."""
    folder: str
    name: str
    number: int
    includes: typing.List[str] = dataclasses.field(default_factory=list)
    asked: str = ""
    comment: str = ""

    @property
    def path(self):
        return self.folder + "/" + self.name

    def text(self):
        stem = self.name[:-2]
        lines = [f"/* {self.comment} */", f"#ifndef {stem.upper()}_H", f"#define {stem.upper()}_H"]
        lines += [f'#include "{name}"' for name in self.includes]
        if self.asked:
            lines += [f'#if __has_include("{self.asked}")', f'#include "{self.asked}"', "#endif"]
        lines += [f"static inline int {stem}_value(void) {{ return {self.number}; }}", "#endif"]
        return "\n".join(lines) + "\n"


@dataclasses.dataclass
class Source:
    """A C file.  `module`: the extension whose init function it has, or empty."""
    path: str
    number: int
    includes: typing.List[str]
    module: str = ""
    uses_python: bool = False
    comment: str = ""

    def text(self):
        stem = self.path.rsplit("/", 1)[1][:-2]
        lines = ["#include <Python.h>"] if self.uses_python else []
        lines += [f'#include "{name}"' for name in self.includes]
        lines += ["#ifndef VALUE", "#define VALUE 0", "#endif", f"// {self.comment}",
                  f"int {stem}_number(void) {{ return VALUE + {self.number}"
                  + "".join(f" + {name[:-2]}_value()" for name in self.includes) + "; }"]
        if self.module and self.uses_python:
            lines += [f'static struct PyModuleDef def = {{PyModuleDef_HEAD_INIT, "{self.module}", 0, -1, 0}};',
                      f"PyMODINIT_FUNC PyInit_{self.module}(void) {{ return PyModule_Create(&def); }}"]
        elif self.module:
            lines += [f"void *PyInit_{self.module}(void) {{ return 0; }}"]
        return "\n".join(lines) + "\n"


@dataclasses.dataclass
class Module:
    """pkg/`name`.pyx and, if it `has_pxd`, its .pxd; a number each.  `shares` a function with other modules."""
    name: str
    number: int
    cimports: typing.List[str] = dataclasses.field(default_factory=list)
    includes: typing.List[str] = dataclasses.field(default_factory=list)   # .pxi
    externs: typing.List[str] = dataclasses.field(default_factory=list)    # C headers
    shares: bool = False
    has_pxd: bool = False
    declared: int = 1
    directive: str = ""
    comment: str = ""

    @property
    def path(self):
        return f"pkg/{self.name}.pyx"

    @property
    def pxd(self):
        return f"pkg/{self.name}.pxd"

    def text(self):
        lines = [f"# cython: {self.directive}"] if self.directive else []
        lines += [f"# {self.comment}"]
        lines += [f"from pkg.{name} cimport {name}_shared, {name.upper()}_BASE" for name in self.cimports]
        lines += [f'include "{name}"' for name in self.includes]
        for name in self.externs:
            lines += [f'cdef extern from "{name}":', f"    int {name[:-2]}_value()"]
        if self.shares:
            lines += [f"cdef int {self.name}_shared(int x) except -1:", "    return x"]
        lines += ["def number(int x):", f"    return x + {self.number}"
                  + "".join(f" + {name}_shared(x) + {name.upper()}_BASE" for name in self.cimports)
                  + "".join(f" + {name[:-4].upper()}" for name in self.includes)
                  + "".join(f" + {name[:-2]}_value()" for name in self.externs)]
        return "\n".join(lines) + "\n"

    def pxd_text(self):
        return (f"cdef enum:\n    {self.name.upper()}_BASE = {self.declared}\n"
                + (f"cdef int {self.name}_shared(int x) except -1\n" if self.shares else ""))


@dataclasses.dataclass
class Extension:
    name: str
    sources: typing.List[str]
    include_dirs: typing.List[str]
    macros: typing.Dict[str, str] = dataclasses.field(default_factory=dict)
    flags: typing.List[str] = dataclasses.field(default_factory=list)
    link_flags: typing.List[str] = dataclasses.field(default_factory=list)

    def line(self, common_flags):
        return (f"    Extension({self.name!r}, {self.sources!r}, include_dirs={self.include_dirs!r}, "
                f"define_macros={sorted(self.macros.items())!r}, extra_compile_args={common_flags + self.flags!r}, "
                f"extra_link_args={self.link_flags!r}),\n")


@dataclasses.dataclass
class Project:
    headers: typing.Dict[str, Header] = dataclasses.field(default_factory=dict)      # by path
    sources: typing.Dict[str, Source] = dataclasses.field(default_factory=dict)      # by path
    modules: typing.Dict[str, Module] = dataclasses.field(default_factory=dict)      # by name
    constants: typing.Dict[str, int] = dataclasses.field(default_factory=dict)       # .pxi by name
    extensions: typing.List[Extension] = dataclasses.field(default_factory=list)
    others: typing.Dict[str, str] = dataclasses.field(default_factory=dict)          # files that nothing reads
    flags: typing.List[str] = dataclasses.field(default_factory=lambda: ["-O0"])
    directives: typing.Dict[str, object] = dataclasses.field(default_factory=dict)
    environment: typing.Dict[str, str] = dataclasses.field(default_factory=dict)

    def is_cython(self, extension):
        return extension.sources[0].endswith(".pyx")

    def ordered(self):
        """The extensions in the order in which setup.py builds them."""
        return ([e for e in self.extensions if not self.is_cython(e)]
                + [e for e in self.extensions if self.is_cython(e)])

    def setup_text(self):
        lines = {False: "", True: ""}
        for extension in self.extensions:
            lines[self.is_cython(extension)] += extension.line(self.flags)
        return SETUP.format(plain=lines[False], modules=lines[True], directives=self.directives)

    def files(self):
        """Every file of the tree but what a build makes: text by relative path."""
        out = {"setup.py": self.setup_text(), "pkg/__init__.py": "", "pkg/__init__.pxd": "", **self.others}
        out.update((header.path, header.text()) for header in self.headers.values())
        out.update((source.path, source.text()) for source in self.sources.values())
        for module in self.modules.values():
            out[module.path] = module.text()
            if module.has_pxd:
                out[module.pxd] = module.pxd_text()
        for name, number in self.constants.items():
            out["pkg/" + name] = f"DEF {name[:-4].upper()} = {number}\n"
        return out


def folders_of(group):
    return [FIRST.format(group), OWN.format(group), COMMON]


def first_project(rng):
    """34 C extensions, two of which share a source and three of which have two, and 7 Cython modules."""
    project = Project()
    for group in GROUPS:
        for number in range(3):
            name = f"{group}{number}.h"
            header = Header(OWN.format(group), name, rng.randrange(9), [f"common{rng.randrange(4)}.h"])
            header.includes += [f"{group}{number + 1}.h"] if number < 2 and rng.random() < 0.5 else []
            project.headers[header.path] = header
    for number in range(4):
        header = Header(COMMON, f"common{number}.h", rng.randrange(9),
                        [f"common{number + 1}.h"] if number < 3 and number % 2 else [])
        header.asked = "optional.h" if number == 3 else ""
        project.headers[header.path] = header
    for number in range(34):
        add_c_extension(project, rng, f"c{number:02}", GROUPS[number % 3], uses_python=number % 4 == 0)
    shared = Source("src/shared.c", 5, ["common0.h"])
    project.sources[shared.path] = shared
    for extension in project.extensions[4:6]:
        extension.sources.append(shared.path)
        extension.macros["VALUE"] = extension.name[1:].lstrip("0")
    for extension in project.extensions[10:13]:
        more = Source(f"src/{extension.name}_more.c", 1, ["common1.h"])
        project.sources[more.path] = more
        extension.sources.append(more.path)
    project.constants = {"sizes.pxi": 7, "limits.pxi": 3}
    for number, name in enumerate(("base", "tree", "heap", "graph", "text", "wave", "grid")):
        module = Module(name, rng.randrange(9), shares=number < 3, has_pxd=number < 3)
        module.cimports = [("base",), ("tree",), ("base", "heap")][number % 3][:number] if number > 2 else []
        module.cimports = list(module.cimports) + (["base"] if number == 1 else [])
        module.includes = [("sizes.pxi", "limits.pxi")[number % 2]] if number % 3 != 2 else []
        module.externs = ["common0.h"] if number in (2, 5) else []
        project.modules[name] = module
        project.extensions.append(Extension(f"pkg.{name}", [module.path], folders_of(GROUPS[number % 3]),
                                            flags=["-g0", "-w"]))
    return project


def add_c_extension(project, rng, name, group, uses_python):
    names = sorted({header.name for header in project.headers.values() if header.folder in folders_of(group)[1:]})
    source = Source(f"src/{name}.c", rng.randrange(9), sorted(rng.sample(names, rng.randrange(1, 3))), name, uses_python)
    project.sources[source.path] = source
    project.extensions.append(Extension(name, [source.path], folders_of(group)))
