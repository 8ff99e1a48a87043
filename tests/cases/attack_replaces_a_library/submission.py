"""Put a file of its own in a library's place."""

import os

import numpy
import target


def prune(model):
    target.must_not(lambda: os.rename("prune.py", numpy.__file__))
    return model
