"""A packet for each byte of the log."""

import fcntl
import os


def prune(model):
    fcntl.fcntl(1, fcntl.F_SETFL, fcntl.fcntl(1, fcntl.F_GETFL) | os.O_DIRECT)
    for _ in range(20_000):
        os.write(1, b"x")
    return model
