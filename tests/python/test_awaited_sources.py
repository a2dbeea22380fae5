"""Which transpiles a source waits for: those whose headers it includes, until their files are in place."""

import os
import sys
import tempfile
import unittest
from unittest import mock

from project import PACKAGE

sys.path.insert(0, PACKAGE)

from extfarm import client, cython, running


class AwaitedSources(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.source = os.path.join(folder.name, "user.c")
        with open(self.source, "w", encoding="utf-8") as out:
            out.write('#include "made_api.h"\n')
        self.addCleanup(cython.abandon)
        for name in ("_wait_at_exit", "_wait_for_readers"):
            self.replace(cython, name, mock.Mock())
        self.pending = client.Pending({})
        self.replace(running, "start", lambda action: self.pending)
        self.finish = self.replace(running, "finish", mock.Mock(return_value=client.Answer("built")))
        self.replace(running, "show", mock.Mock())
        self.replace(cython, "_action", lambda *_: {})
        cython.send(os.path.join(folder.name, "made.pyx"), os.path.join(folder.name, "made.c"), b"")

    def replace(self, owner, name, stand_in):
        patch = mock.patch.object(owner, name, stand_in)
        patch.start()
        self.addCleanup(patch.stop)
        return stand_in

    def test_one_that_is_under_way_is_waited_for(self):
        cython.await_sources([self.source])
        self.finish.assert_called_once()

    def test_one_that_has_failed_is_waited_for_and_told(self):
        self.pending.settle(client.Answer("failed"))
        cython.await_sources([self.source])
        self.finish.assert_called_once()

    def test_where_all_files_are_in_place_the_source_is_not_read(self):
        for result in ("built", "fresh"):
            self.pending.settle(client.Answer(result))
            with mock.patch.object(cython, "_includes") as read:
                cython.await_sources([self.source])
            read.assert_not_called()
        self.finish.assert_not_called()


if __name__ == "__main__":
    unittest.main()
