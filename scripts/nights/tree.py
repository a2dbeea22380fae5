"""A clean tree of a project, in the same place every night, so that what is
remembered of earlier nights holds.  Never touches the source.
"""

import os
import shutil
import subprocess

_KEPT = ".extfarm"  # durations and the store of earlier results


class TreeError(Exception):
    """What could not be brought, and what was said about it."""


def _is_repository(source):
    if not os.path.isdir(source):
        return True  # an address; git says what is wrong with it
    top = subprocess.run(["git", "-C", source, "rev-parse", "--show-toplevel"], capture_output=True, text=True, check=False)
    is_bare = os.path.isfile(os.path.join(source, "HEAD")) and os.path.isdir(os.path.join(source, "objects"))
    return is_bare or (top.returncode == 0 and os.path.realpath(top.stdout.strip()) == os.path.realpath(source))


def _git(*words):
    done = subprocess.run(["git", *words], capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    if done.returncode != 0:
        raise TreeError(f"git {' '.join(words)} failed: {done.stderr.strip()}")
    return done.stdout.strip()


def lay_out(project, folder):
    """Makes `folder` a fresh tree of the project; says which revision it is ("" for a copied folder)."""
    os.makedirs(folder, exist_ok=True)
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        if name == _KEPT:
            continue
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        else:
            os.remove(path)
    if not _is_repository(project.source):
        try:
            shutil.copytree(project.source, folder, symlinks=True, dirs_exist_ok=True, ignore=shutil.ignore_patterns(_KEPT))
        except (OSError, shutil.Error) as error:
            raise TreeError(f"cannot copy {project.source}: {error}") from error
        return ""
    # Not `git clone`: the folder is not empty, and its .extfarm stays.
    _git("-C", folder, "init", "--quiet")
    _git("-C", folder, "fetch", "--quiet", "--depth", "1", project.source, project.revision or "HEAD")
    _git("-C", folder, "checkout", "--quiet", "--force", "FETCH_HEAD")
    _git("-C", folder, "submodule", "--quiet", "update", "--init", "--recursive", "--depth", "1")
    return _git("-C", folder, "rev-parse", "HEAD")
