"""The cython command, as numpy, scipy or a makefile starts it: its one transpile runs on the farm.

Knows by which name Cython's main() calls its compiler, once it has read the
command line.  Refuses to read that line itself, and leaves several sources to Cython.
"""

import functools
import os
import time

from extfarm import client, cython


def fit(main_module):
    """Replaces main in a freshly imported Cython.Compiler.Main."""
    plain = main_module.main

    @functools.wraps(plain)
    def main(*args, **named):
        if client.farm() is None:
            return plain(*args, **named)
        with cython.replacing(vars(main_module), "compile", _compile):
            return plain(*args, **named)

    main_module.main = main


class _Done:
    num_errors = 0


def _compile(plain, sources, options=None, *rest, **named):
    """Stands in for Cython.Compiler.Main.compile: returns when the farm has made the file."""
    here = functools.partial(plain, sources, options, *rest, **named)
    source = sources[0] if isinstance(sources, (list, tuple)) and len(sources) == 1 else None
    reason = _why_here(source, options, rest or named)
    request = None if reason else cython.pack("compile_command", ([source],), options, (), {})
    if request is None:
        return _counted(here, reason or "options cannot be sent")
    # What Cython refuses is transpiled again here: the command leaves and says just what it would without the farm.
    refused = []
    cython.run(source, _output(source, options), request, lambda: refused.append(here()))
    return refused[0] if refused else _Done()


def _why_here(source, options, more):
    if source is None or more or not os.path.isfile(source):
        return "cython with other than one source"
    if getattr(options, "timestamps", None):
        return "cython that goes by time stamps"
    return "cache" if getattr(options, "cache", None) else None


def _output(source, options):
    from Cython.Compiler import Main

    return Main.get_output_filename(source, os.getcwd(), options)


def _counted(here, reason):
    before = time.process_time()
    try:
        return here()
    finally:
        farm = client.farm()
        if farm is not None:
            farm.count_local("cythonize", reason, time.process_time() - before)
