"""Runs one transpile as Cython's own cythonize would, from a request on standard input.

Writes to the file named by EXTFARM_DEPFILE each file that was read, one absolute path a line.
Stands alone: imports nothing of extfarm.
"""

import base64
import os
import pickle
import sys

_read, _written = {}, set()


def _listen(event, arguments):
    if event == "open" and isinstance(arguments[0], str):
        mode, flags = arguments[1], arguments[2] or 0
        path = os.path.abspath(arguments[0])
        writes = any(c in mode for c in "wax+") if isinstance(mode, str) else flags & (os.O_WRONLY | os.O_RDWR)
        if writes:
            _written.add(path)
        else:
            _read[path] = True
    elif event == "import" and len(arguments) > 1 and isinstance(arguments[1], str):
        _read[os.path.abspath(arguments[1])] = True


def _write_depfile(depfile, cython_folder):
    with open(depfile, "w") as lines:
        for path in _read:
            # The toolchain's digest covers Cython itself.
            if path in _written or path.startswith((cython_folder, "/proc/", "/dev/")) or "\n" in path:
                continue
            if path.endswith(".pyc") or not os.path.isfile(path):
                continue
            lines.write(path + "\n")


def main():
    request = pickle.loads(base64.b64decode(sys.stdin.buffer.read()))
    os.chdir(request["cwd"])
    sys.path[:] = request["sys_path"]
    sys.dont_write_bytecode = True
    sys.addaudithook(_listen)
    import Cython
    from Cython.Compiler import Options
    from Cython.Compiler.Errors import CompileError

    for name, value in request["options"].items():
        current = getattr(Options, name, None)
        if isinstance(current, dict) and isinstance(value, dict):
            current.clear()
            current.update(value)
        else:
            setattr(Options, name, value)
    from Cython.Build.Dependencies import cythonize_one

    code = 0
    try:
        cythonize_one(*request["arguments"], **request["named"])
    except CompileError:
        code = 1  # Cython has said why
    depfile = os.environ.get("EXTFARM_DEPFILE")
    if depfile:
        _write_depfile(depfile, os.path.dirname(os.path.abspath(Cython.__file__)) + os.sep)
    sys.stdout.flush()
    sys.stderr.flush()
    return code


if __name__ == "__main__":
    sys.exit(main())
