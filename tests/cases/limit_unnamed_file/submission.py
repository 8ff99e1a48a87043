"""A file that no folder ever holds."""

import os

import target


def write():
    with open(os.open(".", os.O_TMPFILE | os.O_WRONLY, 0o600), "wb") as file:
        for _ in range(64):
            file.write(bytes(1 << 20))


def prune(model):
    target.must_not(write)
    return model
