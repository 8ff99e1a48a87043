"""chmod on the hidden file."""

import os

import target


def prune(model):
    target.must_not(lambda: os.chmod(target.HIDDEN, 0o666))
    return model
