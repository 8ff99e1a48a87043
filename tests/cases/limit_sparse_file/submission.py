"""A file of a terabyte that has no blocks."""

import os

import target


def stretch():
    with open("file", "wb") as file:
        os.ftruncate(file.fileno(), 1 << 40)


def prune(model):
    target.must_not(stretch)
    return model
