"""The front end of extfarm for setuptools and Cython.

Knows only how to hand out `cythonize`; refuses to import Cython or setuptools
until somebody asks for them, because this package is on every build's path.
"""

__all__ = ["cythonize"]
__version__ = "0.1.0"


def cythonize(*args, **options):
    """Cython.Build.cythonize, with each transpile sent to the farm as soon as it is known.

    Without a coordinator this is Cython's own function.
    """
    from extfarm import cython

    return cython.cythonize(*args, **options)
