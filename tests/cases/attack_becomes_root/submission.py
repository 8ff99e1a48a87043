"""setuid."""

import os

import target


def prune(model):
    target.must_not(lambda: os.setuid(0))
    return model
