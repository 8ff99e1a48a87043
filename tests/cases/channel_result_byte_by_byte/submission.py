"""The result in pieces, each a packet of its own."""

import fcntl
import os

import target


def prune(model):
    fcntl.fcntl(3, fcntl.F_SETFL, fcntl.fcntl(3, fcntl.F_GETFL) | os.O_DIRECT)
    target.send({"claim": "returned"})
    for _ in range(569_384 // 1_001 + 1):
        os.write(3, bytes(1_001))
