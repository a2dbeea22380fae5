"""Builds the extensions of one build_ext command on the farm: a light thread for each extension.

Each thread has a clone of the command and of its compiler, whose calls are submitted and waited
for; everything else of build_ext runs as it always did.
"""

import copy
import os
import subprocess
import sys
import threading
import time

from . import client as clients
from . import cython

_print_lock = threading.Lock()


def build(command):
    """True when the extensions were built; False when there is no coordinator."""
    client = clients.connect()
    if client is None:
        return False
    started = time.monotonic()
    builds = _plan(command, client)
    for each in builds:
        each.thread.start()
    for each in builds:
        each.thread.join()
    print("Total time spent compiling C/C++ extensions:  %.2f seconds." % (time.monotonic() - started))
    sys.stdout.flush()
    for each in builds:
        if each.error is not None:
            raise each.error
    return True


class _ExtensionBuild:
    def __init__(self, command, extension, earlier):
        self.command, self.extension, self.earlier = command, extension, earlier
        self.error = None
        self.thread = threading.Thread(target=self._run, name="extfarm " + extension.name, daemon=True)

    def _run(self):
        try:
            for other in self.earlier:
                other.thread.join()
            cython.wait_for(self.extension.sources)
            with _optional(self.command, self.extension):
                self.command.build_extension(self.extension)
        except BaseException as error:  # noqa: B902 (handed to the thread that waits)
            self.error = error


def _optional(command, extension):
    if hasattr(command, "_filter_build_errors"):
        return command._filter_build_errors(extension)
    import contextlib

    return contextlib.nullcontext()


def _plan(command, client):
    """One _ExtensionBuild for each extension, in order, knowing which earlier ones it needs."""
    shared = _sources_of_several(command)
    builds = []
    for extension in command.extensions:
        clone = copy.copy(command)
        for attribute in ("compiler", "shlib_compiler", "_cxx_compiler", "_f77_compiler", "_f90_compiler"):
            compiler = getattr(command, attribute, None)
            if compiler is not None and not isinstance(compiler, str):
                setattr(clone, attribute, _farm_compiler(compiler, client, extension.name))
        if shared.intersection(extension.sources):
            # Two extensions would write one object: each has a folder of its own.
            clone.build_temp = os.path.join(command.build_temp, "extfarm", extension.name)
        os.makedirs(clone.build_temp, exist_ok=True)
        builds.append(_ExtensionBuild(clone, extension, [b for b in builds if _needs(command, extension, b.extension)]))
    return builds


def _sources_of_several(command):
    seen, several = set(), set()
    for extension in command.extensions:
        for source in set(extension.sources):
            (several if source in seen else seen).add(source)
    return several


def _needs(command, extension, earlier):
    """Whether `extension` names what `earlier` makes: its file, or its library's name."""
    made = os.path.abspath(command.get_ext_fullpath(earlier.name))
    named = list(extension.depends or []) + list(extension.extra_objects or [])
    if any(os.path.abspath(path) == made for path in named):
        return True
    return earlier.name.rpartition(".")[2] in (extension.libraries or [])


def _farm_compiler(compiler, client, group):
    clone = copy.copy(compiler)
    for name, value in vars(compiler).items():
        if isinstance(value, (list, dict)):
            setattr(clone, name, copy.copy(value))
    # setuptools >= 84 calls `call` and keeps `spawn` as a shim over it.
    name = "call" if hasattr(type(compiler), "call") else "spawn"
    original = getattr(clone, name)

    def run(cmd, **options):
        if not _submit(client, group, [os.fspath(word) for word in cmd], name):
            original(cmd, **options)

    setattr(clone, name, run)
    return clone


def _output_of(argv):
    for before, word in zip(argv, argv[1:]):
        if before == "-o":
            return [word]
    return []


def _submit(client, group, argv, style):
    """True when the farm ran it; False when it is to be run here.  Raises what the original would."""
    try:
        answer = client.submit("other", argv, group=group, outputs=_output_of(argv)).wait()
    except clients.CoordinatorGone:
        clients.warn_once("the coordinator is gone")
        return False
    if answer.result == "run_locally":
        return False
    from distutils import log

    with _print_lock:
        log.info(subprocess.list2cmdline(argv))
        write_output(answer)
    if answer.result == "cancelled":
        raise KeyboardInterrupt
    if answer.exit_code != 0:
        if style == "call":
            raise subprocess.CalledProcessError(answer.exit_code, argv)
        from distutils.debug import DEBUG
        from distutils.errors import DistutilsExecError

        shown = argv if DEBUG else argv[0]
        raise DistutilsExecError("command {!r} failed with exit code {}".format(shown, answer.exit_code))
    return True


def write_output(answer):
    """The command's own words, unbroken, where it would have written them."""
    for stream, words in ((sys.stdout, answer.stdout), (sys.stderr, answer.stderr)):
        stream.flush()
        if words:
            os.write(stream.fileno(), words)
