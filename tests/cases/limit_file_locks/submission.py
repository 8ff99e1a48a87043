"""A lock on every other byte of a file, each of them kernel memory."""

import fcntl


def prune(model):
    with open("file", "w") as file:
        for byte in range(0, 10_000, 2):
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, byte)
        return model
