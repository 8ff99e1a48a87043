"""Look for tokens of the grader in its own environment."""

import os

import target


def prune(model):
    target.must_not(lambda: os.environ[target.VARIABLE])
    return model
