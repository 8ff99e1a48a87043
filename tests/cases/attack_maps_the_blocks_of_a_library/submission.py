"""FIBMAP: where on the disk a file lies."""

import array
import fcntl

import numpy
import target

FIBMAP = 1


def prune(model):
    with open(numpy.__file__) as library:
        target.must_not(lambda: fcntl.ioctl(library, FIBMAP, array.array("i", [0])))
    return model
