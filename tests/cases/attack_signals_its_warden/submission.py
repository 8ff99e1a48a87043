"""Signal 0 to its warden."""

import os

import target


def prune(model):
    target.must_not(lambda: os.kill(os.getppid(), 0))
    return model
