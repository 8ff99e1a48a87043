"""Choose its processors itself."""

import os

import target


def prune(model):
    target.must_not(lambda: os.sched_setaffinity(0, os.sched_getaffinity(0)))
    return model
