"""A file in the folder of the libraries, one without a name."""

import os

import numpy
import target


def prune(model):
    target.must_not(lambda: os.close(os.open(numpy.__path__[0], os.O_TMPFILE | os.O_WRONLY)))
    return model
