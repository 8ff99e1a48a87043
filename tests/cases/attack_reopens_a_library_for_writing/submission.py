"""A library that it holds open for reading, opened anew by its descriptor. Nothing is written."""

import os

import numpy
import target


def prune(model):
    with open(numpy.__file__) as library:
        target.must_not(lambda: os.close(os.open(f"/proc/self/fd/{library.fileno()}", os.O_WRONLY)))
    return model
