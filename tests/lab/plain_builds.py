"""What a plain setup.py makes of a tree from scratch, at little cost: the oracle of test_random_edits.py.

It keeps a second copy of the tree, mounted at the path of the first in a mount
namespace of its own, so that paths in outputs are the same.  An extension whose
preprocessed sources (`gcc -E`) and commands were never seen together is built
there by setup.py alone, from nothing; of all others the bytes of then are
known.  The same for the C of a Cython module, by the text of all that it reads.

Presumed: that equal preprocessed text and an equal command give equal bytes,
and that cimport, include and "cdef extern from" lines name all that Cython
reads.  A build with `whole` presumes nothing: it makes everything from nothing
and holds what was known against it.

Shares no code with extfarm and runs nothing of it.
"""

import concurrent.futures
import hashlib
import os
import pickle
import re
import shutil
import subprocess
import sys
import sysconfig

SUFFIX = sysconfig.get_config_var("EXT_SUFFIX")
TEMPORARY = f"build/temp.{sysconfig.get_platform()}-{sys.implementation.cache_tag}"
LIBRARIES = f"build/lib.{sysconfig.get_platform()}-{sys.implementation.cache_tag}"
FAR_FUTURE = 4102444800  # a time later than any edit's; in seconds
_LINE_MARKER = re.compile(rb'^# \d+ "([^"\n]+)"', re.MULTILINE)
_CIMPORT = re.compile(r"^from pkg\.(\w+) cimport", re.MULTILINE)
_INCLUDE = re.compile(r'^include "([^"]+)"', re.MULTILINE)


def digest(value):
    return hashlib.sha256(value if isinstance(value, bytes) else repr(value).encode()).hexdigest()


def write(path, content):
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    with open(path, "wb") as out:
        out.write(content)


def read(path):
    with open(path, "rb") as file:
        return file.read()


class Places:
    """Where the outputs of a list of extensions lie, for setup.py alone and on the farm."""

    def __init__(self, extensions):
        self._owner = {source: extension.name for extension in extensions for source in extension.sources}

    def library(self, extension):
        """What is linked."""
        return LIBRARIES + "/" + self.copy(extension)

    def copy(self, extension):
        """The copy of it that `--inplace` leaves beside the sources, whenever setup.py is run."""
        return extension.name.replace(".", "/") + SUFFIX

    def c_files(self, extension):
        """The C source for each source."""
        return [source[:-4] + ".c" if source.endswith(".pyx") else source for source in extension.sources]

    def is_last_to_build(self, extension, source):
        return self._owner[source] == extension.name

    def objects(self, extension):
        """The farm's objects: one that shares a source with a later one has a folder of its own."""
        alone = all(self.is_last_to_build(extension, source) for source in extension.sources)
        folder = TEMPORARY if alone else f"{TEMPORARY}/extfarm/{extension.name}"
        return [f"{folder}/{path[:-2]}.o" for path in self.c_files(extension)]

    def plain_objects(self, extension):
        """Where setup.py alone leaves them; None for one that a later extension overwrites."""
        return [f"{TEMPORARY}/{path[:-2]}.o" if self.is_last_to_build(extension, source) else None
                for source, path in zip(extension.sources, self.c_files(extension))]


class Tree:
    """Builds one state after the other; runs inside the namespace, in the mounted copy."""

    def __init__(self):
        self._files = {}
        self._texts = {}      # (command, source, all that it could read) → (digest of the text, what it read)
        self._results = {}    # (commands, texts, objects that stay) of an extension → {output: bytes}
        self._transpiled = {}  # what a module's C depends on → the C
        self._pool = concurrent.futures.ThreadPoolExecutor(max_workers=2)
        self.figures = {"preprocessed": 0, "built_alone": 0, "known": 0, "whole": 0}

    def build(self, project, whole):
        """A dict: "outputs" {path: digest}, "actions" {output: key}, "wrong" [path]: what was known wrongly."""
        self._update(project.files())
        self._environment = {**os.environ, **project.environment}
        self._places = Places(project.ordered())
        self._flags = _compiler(self._environment)
        extensions = project.ordered()
        wrong = self._build_whole(project, extensions) if whole else []
        transpiles = {e.name: self._transpile_key(project, e) for e in extensions if project.is_cython(e)}
        self._place_transpiled(extensions, transpiles)
        known = {e.name: self._key(project, e) for e in extensions if transpiles.get(e.name, "") in ("", *self._transpiled)}
        missing = [e for e in extensions if known.get(e.name) not in self._results]
        self.figures["known"] += len(extensions) - len(missing)
        if missing:
            self._place(extensions, {name: self._results.get(key) for name, key in known.items()})
            self._run()
            for extension in missing:
                self._take(project, extension, transpiles)
        return {**self._describe(project, extensions, transpiles), "wrong": wrong}

    def _update(self, files):
        for path in set(self._files) - set(files):
            os.remove(path)
        for path, text in files.items():
            if self._files.get(path) != text:
                write(path, text.encode())
        self._files = files
        self._digests = {path: digest(text) for path, text in files.items()}

    def _run(self):
        self.figures["built_alone"] += 1
        done = subprocess.run([sys.executable, "setup.py", "build_ext", "--inplace"], env=self._environment,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError("setup.py alone fails:\n" + done.stdout[-3000:] + done.stderr[-3000:])

    def _build_whole(self, project, extensions):
        self.figures["whole"] += 1
        shutil.rmtree("build", ignore_errors=True)
        for extension in extensions:
            for path in [self._places.copy(extension)] + (
                    self._places.c_files(extension) if project.is_cython(extension) else []):
                if os.path.exists(path):
                    os.remove(path)
        self._run()
        wrong = []
        for extension in extensions:
            transpiles = {extension.name: self._transpile_key(project, extension)}
            was_c = self._transpiled.get(transpiles[extension.name])
            was = self._results.get(self._key(project, extension))
            self._take(project, extension, transpiles)
            now = self._results[self._key(project, extension)]
            wrong += [path for path in was or () if was[path] != now[path]]
            if was_c is not None and was_c != read(self._places.c_files(extension)[0]):
                wrong += self._places.c_files(extension)
        return wrong

    def _take(self, project, extension, transpiles):
        """Remembers what a build has just left of this extension."""
        if project.is_cython(extension):
            self._transpiled[transpiles[extension.name]] = read(self._places.c_files(extension)[0])
        paths = [self._places.library(extension)] + list(filter(None, self._places.plain_objects(extension)))
        self._results[self._key(project, extension)] = {path: read(path) for path in paths}

    # setup.py builds what is older than its source: what is known is newer than everything.
    def _place_transpiled(self, extensions, transpiles):
        for extension in extensions:
            if extension.name not in transpiles:
                continue
            path, content = self._places.c_files(extension)[0], self._transpiled.get(transpiles[extension.name])
            if content is not None:
                write(path, content)
                os.utime(path, (FAR_FUTURE, FAR_FUTURE))
            elif os.path.exists(path):
                os.remove(path)

    def _place(self, extensions, known):
        for extension in extensions:
            library = self._places.library(extension)
            if known.get(extension.name) is None:
                if os.path.exists(library):
                    os.remove(library)
                continue
            write(library, b"")  # Only its time is looked at.
            os.utime(library, (FAR_FUTURE + 1, FAR_FUTURE + 1))

    def _transpile_key(self, project, extension):
        seen, wanted = {}, list(extension.sources)
        while wanted:
            path = wanted.pop()
            if path in seen or path not in self._files:
                continue
            text = self._files[path]
            seen[path] = self._digests[path]
            wanted += [f"pkg/{name}.pxd" for name in _CIMPORT.findall(text)]
            wanted += ["pkg/" + name for name in _INCLUDE.findall(text)] + [path[:-4] + ".pxd", "pkg/__init__.pxd"]
        return digest((extension.line(project.flags), sorted(project.directives.items()), sorted(seen.items())))

    def _key(self, project, extension):
        texts = [text for text, _ in self._preprocess(project, extension)]
        # With the objects that stay: the order of two that share a source decides whose does.
        return digest((extension.line(project.flags), self._flags, texts, self._places.plain_objects(extension)))

    def _command(self, project, extension):
        return (self._flags + [f"-D{name}={value}" for name, value in sorted(extension.macros.items())]
                + [f"-I{folder}" for folder in extension.include_dirs] + project.flags + extension.flags)

    def _preprocess(self, project, extension):
        """For each source, the digest of its preprocessed text and the files of the project it came from."""
        command = self._command(project, extension)
        places = tuple(extension.include_dirs) + ("src", "pkg")
        reach = sorted((path, value) for path, value in self._digests.items()
                       if path.endswith(".h") and os.path.dirname(path) in places)
        jobs = []
        for path in self._places.c_files(extension):
            source = self._digests.get(path) or digest(read(path))
            jobs.append((path, digest((command, path, source, reach))))
        pending = [(key, self._pool.submit(self._run_preprocessor, command, path))
                   for path, key in jobs if key not in self._texts]
        for key, job in pending:
            self._texts[key] = job.result()
            self.figures["preprocessed"] += 1
        return [self._texts[key] for _, key in jobs]

    def _run_preprocessor(self, command, path):
        text = subprocess.run(command + ["-E", path], capture_output=True, check=True, env=self._environment).stdout
        names = {os.path.normpath(os.fsdecode(name)) for name in _LINE_MARKER.findall(text)}
        return digest(text), sorted(name for name in names if not name.startswith(("/", "<")))

    def _describe(self, project, extensions, transpiles):
        outputs, actions = {}, {}
        for extension in extensions:
            made = self._results[self._key(project, extension)]
            outputs.update((path, digest(content)) for path, content in made.items())
            parts = []
            c_files, plain = self._places.c_files(extension), self._places.plain_objects(extension)
            if extension.name in transpiles:
                content = self._transpiled[transpiles[extension.name]]
                outputs[c_files[0]] = digest(content)
                actions[c_files[0]] = transpiles[extension.name]
            for place, c_file, alone, (text, names) in zip(self._places.objects(extension), c_files, plain,
                                                           self._preprocess(project, extension)):
                content = [(name, self._digests.get(name) or digest(read(name))) for name in names]
                actions[place] = digest((self._command(project, extension), text, content))
                parts.append((place, outputs[alone] if alone else digest((self._command(project, extension), text))))
                if alone and alone != place:
                    outputs[place] = outputs.pop(alone)
            outputs[self._places.copy(extension)] = outputs[self._places.library(extension)]
            actions[self._places.library(extension)] = digest((extension.link_flags, self._flags, parts))
        return {"outputs": outputs, "actions": actions}


def _compiler(environment):
    """The compiler and the options that setup.py gives it for every extension."""
    from distutils import ccompiler, sysconfig as settings

    saved = dict(os.environ)
    os.environ.update(environment)
    try:
        compiler = ccompiler.new_compiler()
        settings.customize_compiler(compiler)
    finally:
        os.environ.clear()
        os.environ.update(saved)
    return list(compiler.compiler_so) + [f"-I{sysconfig.get_path('include')}"]


def _namespace():
    return ["unshare", "--mount", "--fork", "--kill-child"] + (
        ["--user", "--map-root-user"] if os.geteuid() else [])


def why_not():
    """Why there can be no such copy here, or None."""
    tried = subprocess.run([*_namespace(), "true"], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    return f"no mount namespace: {tried.stderr.strip()}" if tried.returncode else None


class PlainBuilds:
    """The oracle's process, seen from outside.  `copy`: an empty folder for its tree, to be seen at `tree`."""

    def __init__(self, copy, tree, environment):
        self._process = subprocess.Popen([*_namespace(), sys.executable, os.path.abspath(__file__), copy, tree],
                                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)

    def start(self, project, whole):
        pickle.dump((project, whole), self._process.stdin)
        self._process.stdin.flush()

    def finish(self):
        """What Tree.build says of the project last started.  Errors: RuntimeError."""
        try:
            answer = pickle.load(self._process.stdout)
        except EOFError:
            raise RuntimeError("the oracle's process ended") from None
        if isinstance(answer, str):
            raise RuntimeError(answer)
        return answer

    def close(self):
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


def main(copy, tree):
    import traceback

    subprocess.run(["mount", "--bind", copy, tree], check=True)
    os.chdir(tree)
    answers, sys.stdout = sys.stdout.buffer, sys.stderr
    builds = Tree()
    while True:
        try:
            project, whole = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        try:
            answer = {**builds.build(project, whole), "figures": builds.figures}
        except Exception:
            answer = traceback.format_exc()
        pickle.dump(answer, answers)
        answers.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
