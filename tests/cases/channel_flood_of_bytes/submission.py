"""Bytes without end on the result channel."""

import os


def prune(model):
    while True:
        os.write(3, bytes(1 << 16))
