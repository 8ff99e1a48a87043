"""Change the times of the hidden file."""

import os

import target


def prune(model):
    target.must_not(lambda: os.utime(target.HIDDEN, (0, 0)))
    return model
