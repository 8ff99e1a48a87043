"""Remove the hidden file."""

import os

import target


def prune(model):
    target.must_not(lambda: os.unlink(target.HIDDEN))
    return model
