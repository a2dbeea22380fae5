"""Fits one distutils compiler instance so that its commands run on the farm.

Knows `spawn` and `call`, the exceptions they raise, and how to copy a compiler.
Refuses to touch a compiler's class: what it sets lies on the instance, and
`unfit` takes it off again.
"""

import concurrent.futures
import copy
import inspect
import os
import shutil
import subprocess
import types

from extfarm import client, commands, cython, running


def is_compiler(value):
    """Whether an attribute of a command is a distutils compiler, of whatever make."""
    return all(hasattr(value, name) for name in ("object_filenames", "spawn", "link"))


def clone(compiler):
    """A copy that shares no list and no dict with the original, so that threads may change their own."""
    twin = object.__new__(type(compiler))  # copy.copy() would leave __slotnames__ on the class.
    vars(twin).update(vars(compiler))
    for name, value in vars(compiler).items():
        if isinstance(value, (list, dict, set)):
            setattr(twin, name, copy.copy(value))
        elif isinstance(value, types.MethodType) and value.__self__ is compiler:
            setattr(twin, name, types.MethodType(value.__func__, twin))
    return twin


def fit(compiler, build):
    """Sends the compiler's commands to the farm.  `build` says which extension runs, and whether it still should."""
    saved = {name: vars(compiler).get(name) for name in ("spawn", "call", "compile") if name in vars(compiler)}
    if hasattr(type(compiler), "call"):
        _fit_call(compiler, build)  # setuptools >= 84, whose spawn is a shim over it
    else:
        _fit_spawn(compiler, build)
    if "compile" not in saved and "_compile" not in vars(compiler) and _is_stock(compiler):
        compiler.compile = lambda *args, **named: _compile_at_once(compiler, build, *args, **named)
    return saved


def unfit(compiler, saved):
    """Undoes `fit`."""
    for name in ("spawn", "call", "compile"):
        vars(compiler).pop(name, None)
        if name in saved:
            setattr(compiler, name, saved[name])


def _fit_spawn(compiler, build):
    plain = compiler.spawn
    from distutils.debug import DEBUG
    from distutils.errors import DistutilsExecError
    from distutils.spawn import spawn as distutils_spawn

    searches = "search_path" in inspect.signature(distutils_spawn).parameters

    def spawn(cmd, **named):
        argv = _words(cmd)
        if getattr(compiler, "dry_run", 0) or set(named) - {"env"} or argv is None:
            return plain(cmd, **named)
        found = shutil.which(argv[0]) if searches and not os.path.isfile(argv[0]) else argv[0]
        resolved = [found or argv[0]] + argv[1:]
        blamed = resolved if DEBUG else resolved[0]
        try:
            code = _execute(build, argv, resolved, named.get("env"), lambda: plain(cmd, **named))
        except OSError as error:
            raise DistutilsExecError("command {!r} failed: {}".format(blamed, error.args[-1])) from error
        if code:
            raise DistutilsExecError("command {!r} failed with exit code {}".format(blamed, code))
        return None

    compiler.spawn = spawn


def _fit_call(compiler, build):
    plain = compiler.call

    def call(cmd, **named):
        argv = _words(cmd)
        if set(named) - {"env"} or argv is None:
            return plain(cmd, **named)
        code = _execute(build, argv, argv, named.get("env"), lambda: plain(cmd, **named))
        if code:
            raise subprocess.CalledProcessError(code, cmd)
        return None

    compiler.call = call


def _words(cmd):
    try:
        return [os.fsdecode(word) for word in cmd]
    except TypeError:
        return None


def _execute(build, argv, resolved, environ, plain):
    """Runs one command on the farm, or by `plain` when it is none of the farm's.  Returns its exit code."""
    build.check_wanted()
    command = commands.read(resolved)
    cython.await_sources(command.inputs if command.kind == "compile" else ())
    if command.kind is None:
        build.ran_something()
        farm = client.farm()
        if farm is not None:
            farm.count_local("other", command.reason)
        plain()
        return 0
    action = _action(build.group(), command, resolved, environ)
    try:
        answer = running.finish(running.start(action), action, build.is_wanted)
    except OSError:
        build.ran_something()
        _announce(argv)
        raise
    if answer.result == "fresh":
        running.show(answer)
    else:
        build.ran_something()
        running.show(answer, lambda: _announce(argv))
    return answer.exit_code if answer.result == "failed" else 0


def _action(group, command, argv, environ):
    cwd = os.getcwd()
    driver = shutil.which(argv[0]) or argv[0]
    action = {"kind": command.kind, "group": group or "",
              "argv": [client.byte_string(word) for word in argv], "cwd": client.byte_string(cwd),
              "inputs": [client.byte_string(os.path.join(cwd, path)) for path in command.inputs],
              "outputs": [client.byte_string(os.path.join(cwd, path)) for path in command.outputs],
              "toolchain": {"driver": client.byte_string(os.path.abspath(driver)), "extra_paths": []}}
    if environ is not None:
        action["environ"] = environ
    return action


def _announce(argv):
    try:
        from distutils._log import log
    except ImportError:
        from distutils import log
    log.info("%s", subprocess.list2cmdline(argv))


def _is_stock(compiler):
    """Whether compile() is distutils' own loop over _compile(), which is the same in any order."""
    from distutils.ccompiler import CCompiler
    from distutils.unixccompiler import UnixCCompiler

    kind = type(compiler)
    return (isinstance(compiler, UnixCCompiler) and kind.compile is CCompiler.compile
            and kind._compile is UnixCCompiler._compile)


def _compile_at_once(self, farm_build, sources, output_dir=None, macros=None, include_dirs=None, debug=0,
                     extra_preargs=None, extra_postargs=None, depends=None):
    """CCompiler.compile, with one light thread a source.  The first source's error wins, as in a loop."""
    macros, objects, extra_postargs, pp_opts, build = self._setup_compile(
        output_dir, macros, include_dirs, sources, depends, extra_postargs)
    cc_args = self._get_cc_args(pp_opts, debug, extra_preargs)
    jobs = [(obj,) + tuple(build[obj]) for obj in objects if obj in build]
    if len(jobs) < 2 or len({job[0] for job in jobs}) < len(jobs):
        for obj, src, ext in jobs:
            self._compile(obj, src, ext, cc_args, extra_postargs, pp_opts)
        return objects
    group = farm_build.group()

    def compile_one(job):
        with farm_build.working_on(group):
            self._compile(*job, cc_args, extra_postargs, pp_opts)

    with concurrent.futures.ThreadPoolExecutor(max_workers=len(jobs)) as pool:
        started = [pool.submit(compile_one, job) for job in jobs]
    for job in started:
        job.result()
    return objects
