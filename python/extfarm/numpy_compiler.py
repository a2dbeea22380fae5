"""Fits one compiler of numpy.distutils: numpy's own methods, with the farm in the place of subprocess.

numpy replaces the methods of distutils' compilers, and its spawn reports a
failure in its own words.  So its functions run as they are, with copies of
their module's names in which a few stand for ours; the module itself is not
touched.  Refuses to know the socket and the command lines.
"""

import contextlib
import subprocess
import sys
import types

# numpy holds one thread for each compile it waits for; they only wait, so there may be more than cores.
_WAITING_COMPILES = 256


def is_numpy(compiler):
    """Whether the compiler's spawn and compile are those that numpy.distutils put there."""
    module = sys.modules.get("numpy.distutils.ccompiler")
    return (module is not None and _is_replaced(compiler, "spawn", getattr(module, "CCompiler_spawn", None))
            and _is_replaced(compiler, "compile", getattr(module, "CCompiler_compile", None)))


def fit(compiler, execute, working_on_its_group):
    """Sends the compiler's commands to `execute(argv, environment)`, which returns a client.Answer.

    `working_on_its_group()` is a context manager that tells the build which
    extension a thread works on: numpy compiles in threads of its own.
    Returns what `unfit` needs.
    """
    module = sys.modules["numpy.distutils.ccompiler"]
    kind = type(compiler)
    compile_one = kind._compile

    def _compile(self, *args, **named):
        with working_on_its_group():
            return compile_one(self, *args, **named)

    # A class, not attributes: numpy makes its C++ compiler a copy of the C compiler, whose methods must know themselves.
    compiler.__class__ = type(kind.__name__, (kind,), {
        "__module__": kind.__module__, "__qualname__": kind.__qualname__, "__doc__": kind.__doc__, "_compile": _compile,
        "spawn": _rebound(module.CCompiler_spawn, subprocess=_Subprocess(execute)),
        "compile": _rebound(module.CCompiler_compile, get_num_build_jobs=lambda: _WAITING_COMPILES, _job_semaphore=None)})
    return kind, vars(compiler).pop("spawn", None)


def unfit(compiler, saved):
    """Undoes `fit`."""
    compiler.__class__, spawn = saved
    if spawn is not None:
        compiler.spawn = spawn


@contextlib.contextmanager
def fitting_new_fortran(fit_one):
    """Within it, numpy's Fortran compilers are fitted as they are made: build_clib makes one for a library of other flags."""
    module = sys.modules.get("numpy.distutils.fcompiler")
    if module is None:
        yield
        return
    plain = module.new_fcompiler

    def new_fcompiler(*args, **named):
        made = plain(*args, **named)
        if made is not None and is_numpy(made):
            fit_one(made)
        return made

    module.new_fcompiler = new_fcompiler
    try:
        yield
    finally:
        module.new_fcompiler = plain


def _is_replaced(compiler, name, function):
    """numpy wraps its functions in a lambda, which holds them in a closure."""
    found = vars(compiler).get(name)
    method = getattr(found, "__func__", None) if found is not None else getattr(type(compiler), name)
    cells = getattr(method, "__closure__", None) or ()
    return function is not None and any(cell.cell_contents is function for cell in cells)


def _rebound(function, **names):
    twin = types.FunctionType(function.__code__, {**function.__globals__, **names}, function.__name__,
                              function.__defaults__, function.__closure__)
    twin.__kwdefaults__ = function.__kwdefaults__
    return twin


class _Subprocess:
    """What numpy's spawn uses of subprocess, with the farm's answers."""

    STDOUT = subprocess.STDOUT
    CalledProcessError = subprocess.CalledProcessError

    def __init__(self, execute):
        self._execute = execute

    def __getattr__(self, name):
        return getattr(subprocess, name)

    def check_output(self, cmd, stderr=None, env=None):
        answer = self._execute(cmd, env)
        output = answer.stdout + (answer.stderr if stderr is subprocess.STDOUT else b"")
        if stderr is None and answer.stderr:
            sys.stderr.flush()
            buffer = getattr(sys.stderr, "buffer", None)
            if buffer is not None:
                buffer.write(answer.stderr)
            else:
                sys.stderr.write(answer.stderr.decode("utf-8", "replace"))
            sys.stderr.flush()
        if answer.exit_code:
            raise subprocess.CalledProcessError(answer.exit_code, cmd, output)
        return output
