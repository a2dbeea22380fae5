"""The setuptools entry point: wraps the project's own build_ext, in this distribution only.

Inert unless the environment asks for the farm.  Patches no class of setuptools or distutils.
"""

from . import client


def finalize(distribution):
    """``setuptools.finalize_distribution_options``: called for every Distribution."""
    if not client.is_active():
        return
    base = distribution.get_command_class("build_ext")
    if not getattr(base, "extfarm_wrapped", False):
        distribution.cmdclass["build_ext"] = _wrap(base)


# After setuptools' own hooks.
finalize.order = 100


def _wrap(base):
    class FarmBuildExt(base):
        extfarm_wrapped = True

        def _build_extensions_serial(self):
            from . import farm_build

            if not farm_build.build(self):
                super()._build_extensions_serial()

        def _build_extensions_parallel(self):
            from . import farm_build

            if not farm_build.build(self):
                super()._build_extensions_parallel()

    FarmBuildExt.__name__ = base.__name__
    FarmBuildExt.__qualname__ = base.__qualname__
    FarmBuildExt.__module__ = base.__module__
    FarmBuildExt.__doc__ = base.__doc__
    return FarmBuildExt
