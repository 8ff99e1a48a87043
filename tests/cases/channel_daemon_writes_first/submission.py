"""A daemon floods the result channel before prune returns."""

import os

import target


def prune(model):
    reading, writing = os.pipe()

    def flood():
        os.write(3, b"x" * 100)
        os.write(writing, b"x")
        while True:
            os.write(3, b"x" * 4096)

    target.daemon(flood)
    os.read(reading, 1)
    return model
