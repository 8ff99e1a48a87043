"""Make a library older than its compiled form."""

import os

import numpy
import target


def prune(model):
    target.must_not(lambda: os.utime(numpy.__file__, (0, 0)))
    return model
