#!/usr/bin/python3
"""A read-only filesystem in user space that shows another folder as a host with a stale mount would see it.

    stale_filesystem.py SOURCE MOUNTPOINT MODE

`frozen`: each file and folder as it was when it was first looked at, as with cached attributes; SIGUSR1 ends that for all
that was seen until then.  `late`: what was not there when it was mounted is not there, as with a cached folder; SIGUSR1
shows all.  Stays in the foreground; needs python3-fusepy.
"""

import errno
import os
import signal
import sys

import fusepy as fuse

_STATS = ("st_atime", "st_ctime", "st_gid", "st_mode", "st_mtime", "st_nlink", "st_size", "st_uid", "st_ino")


def _look(path):
    """Everything of one path: its stats, names in it, its bytes, or the error number."""
    try:
        st = os.lstat(path)
        stats = {key: getattr(st, key) for key in _STATS}
        stats.update({key: getattr(st, key + "_ns") for key in ("st_mtime", "st_ctime", "st_atime")})
        if os.path.islink(path):
            return stats, os.readlink(path)
        if os.path.isdir(path):
            return stats, [".", "..", *os.listdir(path)]
        with open(path, "rb") as file:
            return stats, file.read()
    except OSError as error:
        return None, error.errno


class Frozen:
    def __init__(self, source):
        self._source, self._seen = source, {}

    def thaw(self):
        self._seen.clear()

    def look(self, path):
        if path not in self._seen:
            self._seen[path] = _look(self._source + path)
        return self._seen[path]


class Late:
    def __init__(self, source):
        self._source, self._shows_all = source, False
        self._known = {source + "/"}
        for parent, folders, names in os.walk(source):
            self._known.update(os.path.join(parent, name) for name in folders + names)

    def thaw(self):
        self._shows_all = True

    def look(self, path):
        path = self._source + path
        if not self._shows_all and path not in self._known:
            return None, errno.ENOENT
        stats, content = _look(path)
        if isinstance(content, list) and not self._shows_all:
            content = [name for name in content if os.path.join(path, name) in self._known or name.startswith(".")]
        return stats, content


class Shown(fuse.Operations):
    use_ns = True

    def __init__(self, tree):
        self._tree = tree

    def _content(self, path):
        stats, content = self._tree.look(path)
        if stats is None:
            raise fuse.FuseOSError(content)
        return content

    def getattr(self, path, fh=None):
        self._content(path)
        return self._tree.look(path)[0]

    def readdir(self, path, fh):
        return self._content(path)

    readlink = _content

    def read(self, path, size, offset, fh):
        return self._content(path)[offset:offset + size]


def main():
    source, mountpoint, mode = sys.argv[1:]
    tree = {"frozen": Frozen, "late": Late}[mode](source)
    signal.signal(signal.SIGUSR1, lambda *_: tree.thaw())
    fuse.FUSE(Shown(tree), mountpoint, foreground=True, nothreads=True, ro=True, allow_other=True, default_permissions=True,
              nonempty=True, attr_timeout=0, entry_timeout=0, negative_timeout=0)


if __name__ == "__main__":
    main()
