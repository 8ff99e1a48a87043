"""The same by /dev/userfaultfd."""

import os

import target


def prune(model):
    target.must_not(lambda: os.close(os.open("/dev/userfaultfd", os.O_RDWR)))
    return model
