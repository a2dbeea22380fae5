"""Builds the extensions of one build_ext at once: a light thread each, waiting on the farm.

Knows build_ext and build_clib, the order that extensions need among themselves, and what
distutils does with a failure.  Refuses to know sockets and command lines.
"""

import contextlib
import copy
import filecmp
import os
import threading
import time

from extfarm import announcements, client, compiler as compilers, cython, kept_apart, numpy_compiler, own_coordinator, running


def build_all(command, plain):
    """Builds `command.extensions`; calls `plain`, the project's own way, when there is no coordinator."""
    if client.farm() is not None:
        FarmBuild(command, command.extensions).run()
    else:
        cython.await_all()
        plain()


def build_one(command, extension, plain):
    """Builds one extension in the calling thread, for a project that loops over its extensions by itself.

    Calls `plain` within a build of all, and when there is no coordinator.
    """
    if _PART in vars(command) or client.farm() is None:
        cython.await_sources(extension.sources or ())
        plain(extension)
    else:
        FarmBuild(command, [extension]).run_here()


def build_libraries(command, libraries, plain):
    """build_clib's libraries, one after the other as their archives may need it, the sources of each at once."""
    cython.await_all()
    if client.farm() is None:
        plain(libraries)
    else:
        build = FarmBuild(command, [])
        try:
            with fitted(command, build), numpy_compiler.fitting_new_fortran(lambda made: compilers.fit(made, build)):
                plain(libraries)
        except BaseException:
            own_coordinator.build_failed()
            raise


@contextlib.contextmanager
def timed():
    """Says at the end, if it was reached, how long the build took."""
    began = time.monotonic()
    yield
    if os.environ.get("EXTFARM_QUIET") != "1":
        print(f"Total time spent compiling C/C++ extensions:  {time.monotonic() - began:.2f} seconds.", flush=True)


@contextlib.contextmanager
def fitted(command, build):
    """Has the command's own compilers work for `build`."""
    originals = list({id(value): value for value in _compilers_of(command).values()}.values())
    undo = [compilers.fit(original, build) for original in originals]
    try:
        yield
    finally:
        for unfit in undo:
            unfit()


def is_stale_copy(copied, original):
    """Whether a copy's bytes are not its original's.  False when one of them is missing.

    distutils would go by their times, in whole seconds, and takes what somebody changed for up to date.
    """
    try:
        copy_, made = os.stat(copied), os.stat(original)
        has_its_time = copy_.st_mtime_ns == made.st_mtime_ns // 10**9 * 10**9
        if has_its_time and copy_.st_ctime_ns > made.st_ctime_ns:
            return False  # distutils copied it after the original was last changed.
        return not filecmp.cmp(copied, original, shallow=False)
    except FileNotFoundError:
        return False


_PART = "_extfarm_part"  # on a copy of a command: it builds one extension


def _compilers_of(command):
    return {name: value for name, value in vars(command).items() if compilers.is_compiler(value)}


class Part:
    """One extension of a FarmBuild, as its own compilers see it, whichever thread they are called from."""

    def __init__(self, build, index):
        self._build = build
        self._index = index

    def group(self):
        return self._build.group(self._index)

    def working_on(self, group):
        return self._build.working_on(group)

    def ran_something(self):
        self._build.ran_something(self._index)

    def is_wanted(self):
        return self._build.is_wanted(self._index)

    def check_wanted(self):
        self._build.check_wanted(self._index)


class FarmBuild:
    """One run over some extensions.  As in a serial build, an extension that fails stops those after it.

    Without an index its questions are about the extension that the calling thread builds.
    """

    def __init__(self, command, extensions):
        self._command = command
        self._extensions = list(extensions)
        self._here = threading.local()
        self._lock = threading.Lock()
        self._errors = {}
        self._interrupted = False
        self._done = [threading.Event() for _ in self._extensions]
        self._announcements = announcements.Announcements(self.group)

    def run(self):
        """Builds all of them at once."""
        temporaries = kept_apart.private_folders(self._extensions, self._command.build_temp)
        after = predecessors(self._command, self._extensions)
        clones = [self._clone(index, temporary) for index, temporary in enumerate(temporaries)]
        threads = [threading.Thread(target=self._build, args=(index, clones[index], after[index]), daemon=True)
                   for index in range(len(self._extensions))]
        try:
            # A project's own hook may hold on to the original compiler (a closure over its _compile).
            with self._announcements, fitted(self._command, self):
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
        except KeyboardInterrupt:
            self._interrupt("the build was interrupted")
            raise
        kept_apart.leave_as_plain(self._extensions, temporaries, self._command.build_temp)
        self._settle()

    def run_here(self):
        """Builds the only extension in the calling thread; what its build leaves on the command stays there."""
        (extension,) = self._extensions
        twin = self._clone(0, None)
        before = dict(vars(twin))
        self._here.index = 0
        try:
            with self._announcements:
                cython.await_sources(extension.sources or ())
                twin.build_extension(extension)
                self._announcements.done(extension.name)
        except BaseException:
            own_coordinator.build_failed()
            raise
        vars(self._command).update((name, value) for name, value in vars(twin).items()
                                   if name not in before or value is not before[name])

    def group(self, index=None):
        """The extension's name; None when the calling thread builds none."""
        index = self._index() if index is None else index
        return None if index is None else self._extensions[index].name

    @contextlib.contextmanager
    def working_on(self, group):
        """Has the calling thread count as one that builds the extension of this name."""
        names = [extension.name for extension in self._extensions]
        before = self._index()
        self._here.index = names.index(group) if group in names else None
        try:
            yield
        finally:
            self._here.index = before

    def ran_something(self, index=None):
        """Something of the extension was not up to date."""
        self._announcements.building(self.group(index))

    def is_wanted(self, index=None):
        """Whether the extension should still be built: no earlier one has failed."""
        index = self._index() if index is None else index
        with self._lock:
            return not self._interrupted and (index is None or all(failed >= index for failed in self._errors))

    def check_wanted(self, index=None):
        if not self.is_wanted(index):
            raise running.Stopped()

    def _index(self):
        return getattr(self._here, "index", None)

    # What is up to date is decided by content, action by action, and not by the
    # times of an extension's files: so every action is asked for.
    def _clone(self, index, temporary):
        twin = copy.copy(self._command)
        part = Part(self, index)
        setattr(twin, _PART, part)
        twin.force = twin.force if _has_own_steps(self._extensions[index]) else True
        twin.spawn = _counted(twin.spawn, part)
        copies = {}
        for name, original in _compilers_of(self._command).items():
            if id(original) not in copies:
                copies[id(original)] = compilers.clone(original)
                copies[id(original)].force = twin.force
                compilers.fit(copies[id(original)], part)
            setattr(twin, name, copies[id(original)])
        for name, keeper in vars(self._command).items():
            # numpy's CCompilerOpt puts a spawn of its own on the compiler it keeps, while it tests flags.
            kept = copies.get(id(getattr(keeper, "_ccompiler", None)))
            if kept is not None:
                setattr(twin, name, copy.copy(keeper))
                getattr(twin, name)._ccompiler = kept
        if temporary is not None:
            twin.build_temp = temporary
        os.makedirs(twin.build_temp, exist_ok=True)
        return twin

    def _build(self, index, command, after):
        self._here.index = index
        extension = self._extensions[index]
        try:
            for earlier in after:
                self._done[earlier].wait()
            self.check_wanted()
            cython.await_sources(extension.sources or ())
            self.check_wanted()
            with command._filter_build_errors(extension):
                command.build_extension(extension)
            self._announcements.done(extension.name)
        except running.Stopped as stopped:
            if self.is_wanted():  # Not an earlier extension's failure: the coordinator's word.
                self._fail(index, stopped)
        except BaseException as error:  # Carried to the main thread, which raises it.
            self._fail(index, error)
        finally:
            self._done[index].set()

    def _fail(self, index, error):
        with self._lock:
            self._errors[index] = error

    def _interrupt(self, reason):
        with self._lock:
            self._interrupted = True
        own_coordinator.build_failed()
        cython.abandon()
        farm = client.farm()
        if farm is not None:
            farm.close(reason)

    def _settle(self):
        if not self._errors:
            return
        own_coordinator.build_failed()
        error = self._errors[min(self._errors)]
        if isinstance(error, running.Stopped) or type(error).__module__.startswith("Cython."):
            cython.abandon()
        raise error


def _counted(spawn, part):
    """The command's own spawn, for tools such as SWIG: they run here, and the coordinator's summary says so."""
    def spawn_and_count(*args, **named):
        part.ran_something()
        farm = client.farm()
        if farm is not None:
            farm.count_local("other", "a tool that is no compiler")
        return spawn(*args, **named)
    return spawn_and_count


def _has_own_steps(extension):
    """Whether building it runs tools (SWIG) that extfarm cannot find up to date."""
    return any(os.fspath(source).endswith(".i") for source in extension.sources or ())


def predecessors(command, extensions):
    """For each extension, the indices of the earlier ones whose output it names."""
    outputs = [_outputs(command, extension) for extension in extensions]
    after = []
    for index, extension in enumerate(extensions):
        paths = {os.path.abspath(os.fspath(path)) for path in
                 list(extension.extra_objects or ()) + list(extension.depends or ()) + list(extension.sources or ())}
        libraries = set(extension.libraries or ())
        paths.update(word for word in map(os.path.abspath, extension.extra_link_args or ()))
        after.append([earlier for earlier in range(index)
                      if paths & outputs[earlier][0] or libraries & outputs[earlier][1]])
    return after


def _outputs(command, extension):
    """The files an extension makes, and the names by which a linker would look for it."""
    library = os.path.abspath(command.get_ext_fullpath(extension.name))
    paths = {library}
    for stem in kept_apart.stems(extension):
        paths.add(os.path.abspath(os.path.join(command.build_temp, stem.lstrip("/") + ".o")))
    name = os.path.basename(library).split(".")[0]
    return paths, {name, name[3:] if name.startswith("lib") else name, extension.name}
