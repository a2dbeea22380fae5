"""cythonize without a barrier: each transpile is sent off as soon as Cython comes to it.

Knows Cython.Build.Dependencies and which transpiles have not been asked for.
Refuses to know how extensions are compiled, and never decides staleness: the
coordinator does, by content, so Cython is told to want every transpile.
"""

import atexit
import base64
import contextlib
import functools
import io
import os
import pickle
import re
import sys
import threading

from extfarm import client, own_coordinator, public_headers, running

_SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "transpile.py")
_BUILDING = re.compile(r"build|build_ext|install|develop|editable_wheel|bdist(_\w+)?")
_PROGRESS = re.compile(r"\[\s*(\d+)/(\d+)\]")
_INCLUDE = re.compile(rb'^[ \t]*#[ \t]*include[ \t]*["<]([^">]+)[">]', re.MULTILINE)
# Options that cythonize itself uses, not the transpile of one module.
_NOT_FOR_ONE = ("create_extension",)
_PLAIN = (bool, int, float, str, bytes, tuple, list, dict, set, frozenset, type(None))

RAISE, REMOVE = "raise", "remove"

_registry_lock = threading.Lock()
_registry = {}
_replacing = threading.RLock()
_in_process = threading.Lock()  # Cython is not made for threads.
_at_exit = False
_hooked = False


class Transpile:
    """One transpile on its way.  `collect` may be called from any thread, any number of times."""

    def __init__(self, pyx_file, c_file, action, words=None, refused=RAISE):
        """`words` are said when it was not up to date.  `refused` is what follows when Cython refuses the source:
        RAISE, REMOVE (the .c file, as exclude_failures does), or a function that transpiles it here."""
        self.pyx_file = pyx_file
        self.c_file = os.path.abspath(c_file)
        self._words = words
        self._refused = refused
        self._action = action
        self._pending = running.start(action)
        self._collecting = threading.Lock()
        self._failed = None

    def headers(self):
        """Base names of the headers that this transpile may write."""
        stem = os.path.basename(os.path.splitext(self.c_file)[0])
        return (stem + ".h", stem + "_api.h")

    def is_made(self):
        """Whether its files are known to be in place."""
        return self._pending is not None and self._pending.is_made()

    def collect(self):
        """Waits until the .c file is in place.  Raises what cythonize_one would."""
        with self._collecting:
            if self._failed is None:
                answer = running.finish(self._pending, self._action)
                self._failed = answer.result == "failed"
                said = self._words if answer.result != "fresh" else None
                if not self._failed or self._refused is not RAISE:
                    self._forget()
                if self._failed and callable(self._refused):
                    with _in_process:
                        self._refused()
                else:
                    running.show(answer, (lambda: print(said, flush=True)) if said else None)
        if self._failed and self._refused is RAISE:
            from Cython.Compiler.Errors import CompileError

            raise CompileError(None, self.pyx_file)

    def _forget(self):
        if self._failed and self._refused is REMOVE and os.path.exists(self.c_file):
            os.remove(self.c_file)
        with _registry_lock:
            if _registry.get(self.c_file) is self:
                del _registry[self.c_file]


def cythonize(*args, **options):
    """Cython.Build.cythonize through the farm.  Same arguments, same result."""
    from Cython.Build import Dependencies

    original = getattr(Dependencies.cythonize, "extfarm_original", Dependencies.cythonize)
    return _cythonize(Dependencies, original, args, options)


def fit(dependencies):
    """Replaces cythonize in a freshly imported Cython.Build.Dependencies."""
    original = dependencies.cythonize

    @functools.wraps(original)
    def farmed(*args, **options):
        return _cythonize(dependencies, original, args, options)

    farmed.extfarm_original = original
    dependencies.cythonize = farmed


def _cythonize(dependencies, original, args, options):
    if client.farm() is None:
        return original(*args, **options)
    args = list(args)
    if len(args) > 2:
        args[2] = 0
    else:
        options["nthreads"] = 0  # The farm is the parallelism.
    if len(args) > 5:
        args[5] = True
    else:
        options["force"] = True
    with replacing(vars(dependencies), "cythonize_one", _capture):
        modules = original(*args, **options)
    if not _build_follows():
        await_all()
    for transpile in _waiting():
        if public_headers.makes_headers(transpile.pyx_file):
            transpile.collect()  # A setup.py may look whether the header is there (lxml does).
    return modules


def _build_follows():
    return any(_BUILDING.fullmatch(word) for word in sys.argv[1:])


def _capture(plain_one, pyx_file, c_file, fingerprint, quiet, options=None, raise_on_failure=True,
             *rest, **named):
    """Stands in for cythonize_one: sends the transpile off and returns."""
    progress = named.get("progress", rest[-1] if rest else "")
    request = None if fingerprint else pack(
        "cythonize_one", (pyx_file, c_file, None, True), options, (True, *map(_without_count, rest)),
        {name: _without_count(value) for name, value in named.items()})
    _collect(os.path.abspath(c_file))
    if request is None:
        # Cython's cache, or options that do not pickle: nothing that another process could repeat.
        farm = client.farm()
        if farm is not None:
            farm.count_local("cythonize", "cache" if fingerprint else "options cannot be sent")
        return plain_one(pyx_file, c_file, fingerprint, quiet, options, raise_on_failure, *rest, **named)
    words = None if quiet else f"{progress}Cythonizing {pyx_file}"
    send(pyx_file, c_file, request, words, RAISE if raise_on_failure else REMOVE)
    if hasattr(options, "configure_language_defaults"):
        # Cython does this while it compiles, to options that the next module shares: a .py among
        # the modules changes the code of a .pyx after it.
        options.configure_language_defaults(os.path.splitext(pyx_file)[1][1:])
    if not raise_on_failure and _is_last(progress):
        await_all()  # exclude_failures: cythonize looks at the files next.
    return None


def send(pyx_file, c_file, request, words=None, refused=RAISE):
    """Has a packed transpile run on the farm; whoever needs what it makes waits for it.  `refused`: see Transpile."""
    _collect(os.path.abspath(c_file))  # An earlier one into the same file.
    transpile = Transpile(pyx_file, c_file, _action(pyx_file, c_file, request), words, refused)
    with _registry_lock:
        _registry[transpile.c_file] = transpile
    _wait_at_exit()
    _wait_for_readers()


def run(pyx_file, c_file, request, refused):
    """Has a packed transpile run on the farm, and returns when the file is there or `refused` has been called."""
    Transpile(pyx_file, c_file, _action(pyx_file, c_file, request), refused=refused).collect()


@contextlib.contextmanager
def replacing(names, name, stand_in):
    """Has stand_in(the original, …) called by this name, which threads never do at the same time."""
    with _replacing:
        original = names[name]
        names[name] = functools.partial(stand_in, original)
        try:
            yield
        finally:
            names[name] = original


def _without_count(value):
    """An argument as the farm's transpile gets it: "[3/7] " is said here, and changes when other modules come or go."""
    return "" if isinstance(value, str) and _PROGRESS.match(value) else value


def _is_last(progress):
    counted = _PROGRESS.match(str(progress))
    return counted is None or counted.group(1) == counted.group(2)


def pack(function, before, options, after, named):
    """A call of a function of transpile.py, for another process; None when it cannot be sent to one."""
    from Cython.Compiler import Options

    snapshot = {name: value for name, value in vars(Options).items()
                if not name.startswith("__") and isinstance(value, _PLAIN) and _pickled(value) is not None}
    if options is not None:
        options = {name: value for name, value in vars(options).items() if name not in _NOT_FOR_ONE}
    request = {"cwd": os.getcwd(), "path": list(sys.path), "recursion_limit": sys.getrecursionlimit(),
               "options": snapshot, "function": function, "compilation": options,
               "before": before, "after": after, "named": named}
    pickled = _pickled(request, _OrderedPickler)
    return None if pickled is None else base64.b64encode(pickled)


def _refuse_the_script_s_own(_, value):
    if getattr(value, "__module__", None) == "__main__" and hasattr(value, "__qualname__"):
        raise pickle.PicklingError("the build script's own: no other process has it")
    return NotImplemented


class _Pickler(pickle.Pickler):
    reducer_override = _refuse_the_script_s_own


class _OrderedPickler(pickle._Pickler):
    """Pickles a set alike in every process: its own order is another in each, and would make the transpile another."""

    reducer_override = _refuse_the_script_s_own

    def save_in_order(self, value):
        self.save_reduce(type(value), (sorted(value, key=repr),), obj=value)

    dispatch = {**pickle._Pickler.dispatch, set: save_in_order, frozenset: save_in_order}


def _pickled(value, pickler=_Pickler):
    """The value for another process; None when it cannot be sent, and the caller has to use it here."""
    out = io.BytesIO()
    try:
        pickler(out, protocol=4).dump(value)
    except Exception:  # Whatever a __reduce__ of the project's raises.
        return None
    return out.getvalue()


def _action(pyx_file, c_file, request):
    import Cython

    return {"kind": "cythonize", "group": os.path.splitext(os.path.basename(pyx_file))[0],
            "argv": [client.byte_string(sys.executable), client.byte_string(_SCRIPT)],
            "cwd": client.byte_string(os.getcwd()), "stdin": request.decode("ascii"),
            "inputs": [client.byte_string(os.path.abspath(pyx_file))],
            "outputs": [client.byte_string(os.path.abspath(c_file))],
            "toolchain": {"driver": client.byte_string(os.path.realpath(sys.executable)),
                          # Shadow.py holds Cython's version.  Every module of Cython that is read is attested
                          # as an input; the whole folder may be what the build writes to (Cython by itself).
                          "extra_paths": [client.byte_string(_version_file(Cython)),
                                          client.byte_string(_SCRIPT)]}}


def _waiting():
    with _registry_lock:
        return list(_registry.values())


def pending_files():
    """The files that transpiles still on their way will or may write."""
    names = []
    for transpile in _waiting():
        folder = os.path.dirname(transpile.c_file)
        names.append(transpile.c_file)
        names.append(os.path.splitext(transpile.c_file)[0] + ".html")
        names.extend(os.path.join(folder, header) for header in transpile.headers())
    return names


def await_all():
    """Waits for every transpile.  The first failure, in the order of cythonize, is raised when all have ended."""
    failure = None
    for transpile in _waiting():
        try:
            transpile.collect()
        except Exception as error:  # Cython's CompileError, whose module may not be imported here.
            failure = failure or error
    if failure is not None:
        own_coordinator.build_failed()
        raise failure


def await_sources(paths):
    """Waits for the transpiles that make any of `paths`, and those whose headers these include."""
    for path in paths:
        _collect(os.path.abspath(path))
    unmade = [transpile for transpile in _waiting() if not transpile.is_made()]
    if not unmade:
        return  # To read Cython's output takes longer than all else before its compile is asked for.
    included = set()
    for path in paths:
        included.update(_includes(path))
    for transpile in unmade:
        if included.intersection(transpile.headers()):
            transpile.collect()


def abandon():
    """Forgets what nobody will ask for, because the build has failed."""
    with _registry_lock:
        _registry.clear()


def _collect(path):
    with _registry_lock:
        transpile = _registry.get(path)
    if transpile is not None:
        transpile.collect()


def _includes(path):
    try:
        with open(path, "rb") as source:
            text = source.read()
    except OSError:
        return set()
    return {os.fsdecode(os.path.basename(name)) for name in _INCLUDE.findall(text)}


def _wait_at_exit():
    global _at_exit
    if not _at_exit:
        _at_exit = True
        atexit.register(_finish_at_exit)


def _wait_for_readers():
    """From now on, whoever opens what a transpile has yet to write waits for it."""
    global _hooked
    if not _hooked:
        _hooked = True
        sys.addaudithook(_before_open)


def _before_open(event, arguments):
    if event != "open" or not _registry or not isinstance(arguments[0], (str, bytes)):
        return
    path = os.path.abspath(os.fsdecode(arguments[0]))
    for transpile in _waiting():
        if path == transpile.c_file or (os.path.basename(path) in transpile.headers()
                                        and os.path.dirname(path) == os.path.dirname(transpile.c_file)):
            transpile.collect()


def _finish_at_exit():
    try:
        await_all()
    except BaseException as error:
        print(f"{type(error).__module__}.{type(error).__qualname__}: {error}", file=sys.stderr)
        sys.stdout.flush()
        sys.stderr.flush()
        own_coordinator.end()
        os._exit(1)  # An exception from here would leave the exit code at 0.


def _version_file(package):
    return os.path.join(os.path.dirname(os.path.abspath(package.__file__)), "Shadow.py")
