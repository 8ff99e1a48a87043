"""The same by /dev/zero."""

import mmap
import os

import target


def prune(model):
    target.must_not(lambda: mmap.mmap(os.open("/dev/zero", os.O_RDWR), mmap.PAGESIZE))
    return model
