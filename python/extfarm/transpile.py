"""Runs one Cython transpile, described on standard input, in a process of its own.

Knows how to restore what cythonize had (folder, sys.path, Options), which files
were read and which were looked for in vain.  Refuses to know extfarm: it is run by path, on any machine.
"""

import gc
import sys

gc.set_threshold(100_000)  # Hardly anything is garbage before the end; to look for it at each 700 objects took a tenth of the time.
sys.path.pop(0)  # This script's folder holds a cython.py, which is not the one that .py sources import.

import base64
import importlib.util
import os
import pickle
import stat
import warnings

_SEARCHED = (".pxd", ".pxi", ".pyx", ".py")

_read = {}
_written = set()
_missed = {}


def _watch(event, arguments):
    if event == "open":
        path, mode, flags = arguments
        if not isinstance(path, (str, bytes)):
            return
        path = os.path.abspath(os.fsdecode(path))
        writes = bool((flags or 0) & (os.O_WRONLY | os.O_RDWR)) or any(c in (mode or "") for c in "wax+")
        if writes:
            _written.add(path)
        else:
            _read[path] = None
    elif event == "import" and arguments[1]:
        _read[os.path.abspath(arguments[1])] = None


def _watch_searches():
    """Notes the sources that Cython looks for in vain: one that comes to be there changes the result."""
    plain_stat = os.stat

    def stat_and_note(path, *args, **named):
        try:
            return plain_stat(path, *args, **named)
        except (FileNotFoundError, NotADirectoryError):
            if isinstance(path, (str, bytes)) and os.fsdecode(path).endswith(_SEARCHED):
                _missed[os.path.abspath(os.fsdecode(path))] = None
            raise

    os.stat = stat_and_note


def _source_of(path):
    """A byte-code file stands for its source: it may be missing or rewritten, the source decides."""
    if path.endswith(".pyc") and os.path.basename(os.path.dirname(path)) == "__pycache__":
        stem = os.path.basename(path).split(".")[0]
        source = os.path.join(os.path.dirname(os.path.dirname(path)), stem + ".py")
        if os.path.exists(source):
            return source
    return path


def _write_depfile(depfile):
    lines = []
    for path in dict.fromkeys(_source_of(path) for path in list(_read)):
        try:
            regular = stat.S_ISREG(os.stat(path).st_mode)
        except OSError:
            continue
        if regular and path not in _written and "\n" not in path:
            lines.append(os.fsencode(path) + b"\n")
    for path in list(_missed):
        if path not in _written and "\n" not in path and not os.path.lexists(path):
            lines.append(b"!" + os.fsencode(path) + b"\n")
    with open(depfile, "wb") as out:
        out.writelines(lines)


def _restore_options(values):
    from Cython.Compiler import Options

    for name, value in values.items():
        present = getattr(Options, name, None)
        if isinstance(present, dict) and isinstance(value, dict):
            present.clear()  # Other modules hold this very object.
            present.update(value)
        else:
            setattr(Options, name, value)


def transpile(request):
    """Returns the exit code: 0, or 1 when Cython refused the source and has said why."""
    os.chdir(request["cwd"])
    sys.path[:] = request["path"]
    sys.setrecursionlimit(max(sys.getrecursionlimit(), request["recursion_limit"]))
    _restore_options(request["options"])
    from Cython.Compiler.Errors import CompileError
    from Cython.Compiler.Main import CompilationOptions

    options = None
    if request["compilation"] is not None:
        options = CompilationOptions.__new__(CompilationOptions)
        options.__dict__.update(request["compilation"])
    try:
        return _FUNCTIONS[request["function"]](*request["before"], options, *request["after"], **request["named"])
    except CompileError:
        return 1


def _leave_setuptools_out():
    """Cython.Build imports distutils, for which setuptools puts itself in place: three quarters of the time until
    Cython starts, in each of these processes, and none of it is used here."""
    if sys.version_info >= (3, 12):
        return  # There is no other distutils.
    try:
        import _distutils_hack

        _distutils_hack.remove_shim()
    except (ImportError, AttributeError):
        return  # Without setuptools, or with one that does not put itself in place.
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # That distutils is deprecated: setuptools' own does not say so.
            import distutils.extension
            import distutils.util  # noqa: F401
    except ImportError:  # Debian has a part of it in a package of its own.
        for name in [name for name in sys.modules if name.split(".")[0] == "distutils"]:
            del sys.modules[name]
        _distutils_hack.add_shim()


def _load_only_when_asked(package):
    """Its modules can be imported; it runs itself when something of its own is wanted."""
    spec = importlib.util.find_spec(package)
    module = importlib.util.module_from_spec(spec)

    def load(name):
        del module.__getattr__
        spec.loader.exec_module(module)
        return getattr(module, name)

    module.__getattr__ = load
    parent, _, own_name = package.rpartition(".")
    sys.modules[package] = module
    setattr(sys.modules[parent], own_name, module)


def cythonize_one(*args, **named):
    _leave_setuptools_out()
    _load_only_when_asked("Cython.Build")  # It imports build_ext, and with it most of distutils.
    import Cython.Build.Dependencies

    Cython.Build.Dependencies.cythonize_one(*args, **named)
    return 0


def compile_one(source, options, full_module_name):
    from Cython.Compiler import Main

    return 1 if Main.compile(source, options=options, full_module_name=full_module_name).num_errors else 0


def compile_command(sources, options):
    from Cython.Compiler import Main

    return 1 if Main.compile(sources, options).num_errors else 0


_FUNCTIONS = {"cythonize_one": cythonize_one, "compile_one": compile_one, "compile_command": compile_command}


def main():
    request = pickle.loads(base64.b64decode(sys.stdin.buffer.read()))
    sys.addaudithook(_watch)
    _watch_searches()
    code = transpile(request)
    depfile = os.environ.get("EXTFARM_DEPFILE")
    if depfile and code == 0:
        _write_depfile(depfile)
    sys.stdout.flush()
    sys.stderr.flush()
    return code


if __name__ == "__main__":
    sys.exit(main())
