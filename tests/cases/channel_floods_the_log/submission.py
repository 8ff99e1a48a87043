"""Thirty megabytes without a line's end: head and tail are kept."""

import os


def prune(model):
    for _ in range(500):
        os.write(1, b"x" * 65_536)
    return model
