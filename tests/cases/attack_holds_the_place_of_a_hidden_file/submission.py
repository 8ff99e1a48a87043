"""An O_PATH descriptor of the hidden file tells its size without a right to it."""

import os

import target


def prune(model):
    target.must_not(lambda: os.fstat(os.open(target.HIDDEN, os.O_PATH)).st_size)
    return model
