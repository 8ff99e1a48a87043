"""/dev/fuse, behind which every file operation would be its own code."""

import os

import target


def prune(model):
    target.must_not(lambda: os.close(os.open("/dev/fuse", os.O_RDWR)))
    return model
