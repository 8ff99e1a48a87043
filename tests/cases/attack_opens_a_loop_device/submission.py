"""/dev/loop-control, by which a file becomes a disk."""

import os

import target


def prune(model):
    target.must_not(lambda: os.close(os.open("/dev/loop-control", os.O_RDWR)))
    return model
