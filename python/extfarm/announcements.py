"""Holds back "building 'X' extension" until something of X is really built.

Knows distutils' logger and that one line of it.  Refuses to know why an
extension is up to date.
"""

import logging
import threading

_LINE = "building '%s' extension"
_SKIPPED = "skipping '%s' extension (up-to-date)"


class Announcements(logging.Filter):
    """`with Announcements(current):` where current() names the extension that the calling thread builds."""

    def __init__(self, current):
        super().__init__()
        self._current = current
        self._held = {}
        self._lock = threading.Lock()
        try:
            from distutils._log import log
        except ImportError:  # A distutils that does not use logging says its line at once.
            log = None
        self._log = log if isinstance(log, logging.Logger) else None

    def __enter__(self):
        if self._log is not None:
            self._log.addFilter(self)
        return self

    def __exit__(self, *_):
        if self._log is not None:
            self._log.removeFilter(self)

    def filter(self, record):
        name = self._current()
        if name is None or record.msg != _LINE:
            return True
        with self._lock:
            if name in self._held:
                return True  # Said by `building`, below.
            self._held[name] = record.args
        return False

    def building(self, name):
        """Something of this extension has run: says so, once."""
        with self._lock:
            words = self._held.get(name)
            self._held[name] = None
        if words is not None:
            self._log.info(_LINE, *words)

    def done(self, name):
        """The extension is complete.  If nothing of it has run, it was up to date."""
        with self._lock:
            words = self._held.get(name)
        if words is not None:
            self._log.debug(_SKIPPED, *words)
