"""Passes the frames of two interfaces on to each other, late, not all of them, and no faster than a rate:
slow_link.py ONE OTHER DELAY_SECONDS LOST_SHARE BYTES_PER_SECOND SEED.

For kernels without netem.  Knows nothing of what the frames mean.
"""

import collections
import random
import select
import socket
import sys
import time

_ALL_PROTOCOLS = 3
_SOL_PACKET, _PACKET_VNET_HDR = 263, 15  # with it a frame that is larger than the interface allows passes whole
_LARGEST_FRAME = 70_000


def open_interface(name):
    out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ALL_PROTOCOLS))
    out.setsockopt(_SOL_PACKET, _PACKET_VNET_HDR, 1)
    out.bind((name, 0))
    out.setblocking(False)
    return out


class Direction:
    def __init__(self, source, target, delay, lost, rate, dice):
        self.source, self._target, self._delay, self._lost, self._rate, self._dice = source, target, delay, lost, rate, dice
        self._waiting, self._free_at = collections.deque(), 0.0

    def receive(self):
        try:
            frame, address = self.source.recvfrom(_LARGEST_FRAME)
        except BlockingIOError:
            return
        if address[2] == socket.PACKET_OUTGOING or self._dice.random() < self._lost:
            return
        self._free_at = max(self._free_at, time.monotonic()) + len(frame) / self._rate
        self._waiting.append((self._free_at + self._delay, frame))

    def pass_on(self):
        """Returns the seconds until the next one is due, None when nothing waits."""
        while self._waiting and self._waiting[0][0] <= time.monotonic():
            try:
                self._target.send(self._waiting.popleft()[1])
            except OSError:  # The cable is cut, or the other end takes no more: it is lost.
                pass
        return max(0.0, self._waiting[0][0] - time.monotonic()) if self._waiting else None


def main(one, other, delay, lost, rate, seed):
    left, right, dice = open_interface(one), open_interface(other), random.Random(int(seed))
    ways = [Direction(*ends, float(delay), float(lost), float(rate), dice) for ends in ((left, right), (right, left))]
    while True:
        due = [seconds for seconds in [way.pass_on() for way in ways] if seconds is not None]
        readable, _, _ = select.select([left, right], [], [], min(due, default=None))
        for way in ways:
            if way.source in readable:
                way.receive()


if __name__ == "__main__":
    main(*sys.argv[1:])
