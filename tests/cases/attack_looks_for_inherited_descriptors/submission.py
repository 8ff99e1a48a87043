"""Descriptors beyond those that were agreed upon."""

import os

import target


def look():
    for number in range(5, 1024):
        try:
            return os.fstat(number)
        except OSError:
            continue
    raise LookupError


def prune(model):
    target.must_not(look)
    return model
