"""access, which opens nothing."""

import os

import target


def ask():
    if not os.access(target.HIDDEN, os.F_OK):
        raise FileNotFoundError
    return True


def prune(model):
    target.must_not(ask)
    return model
