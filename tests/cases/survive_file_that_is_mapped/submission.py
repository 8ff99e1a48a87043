"""A deleted file that a daemon holds by nothing but its mapping."""

import mmap
import os
import time

import target


def prune(model):
    with open("file", "w+b") as file:
        file.truncate(1 << 20)
        held = mmap.mmap(file.fileno(), 1 << 20)
    os.unlink("file")
    held[:] = b"x" * (1 << 20)
    target.daemon(lambda: time.sleep(60))
    return model
