"""A profiler that fails as soon as prune has returned."""

import sys


def prune(model):
    sys.setprofile(lambda *_: 1 / 0)
    return model
