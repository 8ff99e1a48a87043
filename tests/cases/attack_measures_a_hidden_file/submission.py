"""The hidden file's size and times, which could tell of what it holds."""

import os

import target


def prune(model):
    target.must_not(lambda: os.stat(target.HIDDEN).st_size)
    return model
