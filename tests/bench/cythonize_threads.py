"""cythonize_threads.py N setup.py ARGUMENT…: runs setup.py with cythonize(nthreads=N), as it stands otherwise."""

import functools
import runpy
import sys


def main(threads, script, *arguments):
    try:
        import Cython.Build
        from Cython.Build import Dependencies
    except ImportError:
        pass
    else:
        Dependencies.cythonize = functools.partial(Dependencies.cythonize, nthreads=int(threads))
        Cython.Build.cythonize = Dependencies.cythonize
    sys.argv = [script, *arguments]
    sys.path[0] = ""
    runpy.run_path(script, run_name="__main__")


if __name__ == "__main__":
    main(*sys.argv[1:])
