"""Move the hidden file to where it may be read."""

import os

import target


def prune(model):
    target.must_not(lambda: os.rename(target.HIDDEN, "moved"))
    return model
