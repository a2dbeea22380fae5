"""Builds the extensions of a project on every machine in the lab.

Under ``extfarm run`` nothing has to be imported.  ``from extfarm import cythonize`` does the same
for a project that wants to say so itself.
"""

__version__ = "0.1.0"


def cythonize(*args, **options):
    """Cython.Build.cythonize, with the transpiles on the farm where there is one."""
    from . import cython

    cython.install()
    from Cython.Build import cythonize as installed

    return installed(*args, **options)
