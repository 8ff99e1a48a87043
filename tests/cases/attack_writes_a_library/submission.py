"""Open a library for appending, and write nothing."""

import os

import numpy
import target


def prune(model):
    target.must_not(lambda: os.close(os.open(numpy.__file__, os.O_WRONLY | os.O_APPEND)))
    return model
