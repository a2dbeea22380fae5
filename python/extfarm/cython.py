"""cythonize without a barrier: each transpile is dispatched at once, and waited for only by the
extension that needs it.  Which files are stale is Cython's own decision.
"""

import atexit
import base64
import os
import pickle
import re
import subprocess
import sys

from . import client as clients

_TRANSPILE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "transpile.py")
# Commands after which build_ext will ask for each file; with any other, cythonize waits itself.
_BUILD_COMMANDS = {"build_ext", "build", "install", "develop", "editable_wheel", "bdist_wheel", "bdist_egg"}

_pending = {}  # absolute .c path → _Transpile
_header_makers = []  # those that write a .h or _api.h others may include


class _Transpile:
    def __init__(self, pyx_file, c_file, request, raises):
        self.pyx_file, self.c_file, self.request, self.raises = pyx_file, c_file, request, raises
        self.error, self.finished, self.pending = None, False, None
        client = clients.connect()
        if client is not None:
            import Cython

            try:
                self.pending = client.submit(
                    "cythonize",
                    [sys.executable, _TRANSPILE],
                    group=c_file,
                    stdin=request,
                    inputs=[os.path.abspath(pyx_file)],
                    outputs=[os.path.abspath(c_file)],
                    driver=os.path.realpath(sys.executable),
                    extra_paths=[os.path.dirname(os.path.abspath(Cython.__file__)), _TRANSPILE],
                )
            except clients.CoordinatorGone:
                clients.warn_once("the coordinator is gone")

    def wait(self):
        """Raises what cythonize would have raised for this file."""
        if not self.finished:
            self._finish()
            self.finished = True
        if self.error is not None:
            raise self.error

    def _finish(self):
        code = self._farm_exit_code()
        if code is None:
            code = subprocess.run([sys.executable, _TRANSPILE], input=self.request.encode()).returncode
        if code != 0 and self.raises:
            from Cython.Compiler.Errors import CompileError

            self.error = CompileError(None, self.pyx_file)

    def _farm_exit_code(self):
        """None when it must run here."""
        if self.pending is None:
            return None
        try:
            answer = self.pending.wait()
        except clients.CoordinatorGone:
            clients.warn_once("the coordinator is gone")
            return None
        if answer.result == "run_locally":
            return None
        if answer.result == "cancelled":
            raise KeyboardInterrupt
        from .farm_build import write_output

        write_output(answer)
        return answer.exit_code


def _options_snapshot():
    """The plain values of Cython.Compiler.Options, which projects set by assignment."""
    from Cython.Compiler import Options

    snapshot = {}
    for name, value in vars(Options).items():
        if name.startswith("__") or callable(value) or isinstance(value, type(os)):
            continue
        try:
            snapshot[name] = pickle.loads(pickle.dumps(value))
        except Exception:  # noqa: B902 (what does not pickle is no plain value)
            continue
    return snapshot


def _makes_headers(pyx_file, seen=None):
    """Whether it declares something public or api, itself or in what it includes."""
    seen = set() if seen is None else seen
    if pyx_file in seen or not os.path.exists(pyx_file):
        return False
    seen.add(pyx_file)
    with open(pyx_file, encoding="utf-8", errors="replace") as file:
        text = file.read()
    if re.search(r"^[ \t]*(cdef|ctypedef)\b.*\b(public|api)\b", text, re.M):
        return True
    folder = os.path.dirname(pyx_file)
    included = re.findall(r"^[ \t]*include[ \t]+['\"]([^'\"]+)['\"]", text, re.M)
    return any(_makes_headers(os.path.join(folder, name), seen) for name in included)


def _dispatch(pyx_file, c_file, fingerprint, quiet, options=None, raise_on_failure=True, *rest, **named):
    arguments = (pyx_file, c_file, None, quiet, options, raise_on_failure) + rest
    content = pickle.dumps(
        {"cwd": os.getcwd(), "sys_path": sys.path, "options": _options_snapshot(), "arguments": arguments, "named": named}
    )
    transpile = _Transpile(pyx_file, c_file, base64.b64encode(content).decode(), raise_on_failure)
    _pending[os.path.abspath(c_file)] = transpile
    if _makes_headers(pyx_file) or _makes_headers(os.path.splitext(pyx_file)[0] + ".pxd"):
        _header_makers.append(transpile)


def wait_for(sources):
    """Waits for the transpiles that make `sources`, and for those that make headers."""
    needed = [_pending[path] for path in map(os.path.abspath, sources) if path in _pending]
    for transpile in needed + (_header_makers if needed else []):
        transpile.wait()


def wait_for_all():
    for transpile in list(_pending.values()):
        transpile.wait()


def _finish_at_exit():
    """A script that only transpiles must not end before its files are there."""
    for transpile in _pending.values():
        if not transpile.finished:
            try:
                transpile.wait()
            except Exception as error:  # noqa: B902
                print("extfarm: %s" % error, file=sys.stderr)


def install():
    """Replaces cythonize in this process.  Harmless when called again."""
    import Cython.Build  # noqa: F401 (loads it)
    from Cython.Build import Dependencies

    if getattr(Dependencies.cythonize, "extfarm", False) or not clients.is_active():
        return
    original, original_one = Dependencies.cythonize, Dependencies.cythonize_one

    def cythonize(module_list, *args, **options):
        if clients.connect() is None:
            return original(module_list, *args, **options)
        args = list(args)
        if len(args) > 1:
            args[1] = 0  # cythonize(module_list, exclude, nthreads, …)
        else:
            options["nthreads"] = 0
        Dependencies.cythonize_one = _dispatch
        try:
            result = original(module_list, *args, **options)
        finally:
            Dependencies.cythonize_one = original_one
        exclude_failures = options.get("exclude_failures") or (len(args) > 5 and args[5])
        if exclude_failures or not _BUILD_COMMANDS.intersection(sys.argv[1:]):
            wait_for_all()
        return result

    cythonize.extfarm = True
    cythonize.__doc__ = original.__doc__
    Dependencies.cythonize = cythonize
    # Not Cython.Build: while that is still being imported, Cython does not have it yet.
    sys.modules["Cython.Build"].cythonize = cythonize
    atexit.register(_finish_at_exit)
