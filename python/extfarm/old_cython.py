"""Cython's old build_ext transpiles by itself, one source after the other: here each is sent off instead.

Knows by which name that class calls Cython's compiler.  Refuses to decide what
is up to date, which that class does by the times of the files.
"""

import contextlib
import functools

from extfarm import client, cython


def sources(command, extension_sources, extension, plain):
    """`plain`, the class's own cython_sources, whose transpiles go to the farm when there is one."""
    if client.farm() is None:
        return plain(extension_sources, extension)
    with contextlib.ExitStack() as replaced:
        for names, name in _places(type(command)):
            replaced.enter_context(cython.replacing(names, name, _capture))
        return plain(extension_sources, extension)


def _places(kind):
    """Where cython_sources may find the compiler: dicts, and a name in each."""
    from Cython.Compiler import Main

    yield vars(Main), "compile"
    for base in kind.__mro__:
        names = getattr(vars(base).get("cython_sources"), "__globals__", {})
        if base.__module__.startswith("Cython.") and "cython_compile" in names:
            yield names, "cython_compile"


def _capture(plain, source, options=None, full_module_name=None, **named):
    """Stands in for Cython.Compiler.Main.compile: sends the transpile off and returns."""
    here = functools.partial(plain, source, options=options, full_module_name=full_module_name, **named)
    c_file = getattr(options, "output_file", None)
    request = None if named or not c_file else cython.pack("compile_one", (source,), options, (full_module_name,), {})
    if request is None:
        client.farm().count_local("cythonize", "options cannot be sent")
        return here()
    # What Cython refuses is transpiled again here: the old class goes on to the C compiler with what that leaves.
    cython.send(source, c_file, request, refused=here)
    return None
