"""FIFREEZE, which lets nobody write to the disk any more."""

import fcntl

import numpy
import target

FIFREEZE = 0xC0045877


def prune(model):
    with open(numpy.__file__) as library:
        target.must_not(lambda: fcntl.ioctl(library, FIFREEZE, 0))
    return model
