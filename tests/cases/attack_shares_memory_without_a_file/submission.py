"""Anonymous shared memory, which stands in no figure once it is unmapped for a moment."""

import mmap

import target


def prune(model):
    target.must_not(lambda: mmap.mmap(-1, mmap.PAGESIZE))
    return model
