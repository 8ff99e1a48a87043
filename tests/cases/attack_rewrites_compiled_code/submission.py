"""Open a compiled module for writing, and write nothing."""

import importlib.util
import os

import numpy
import target


def prune(model):
    target.must_not(lambda: os.close(os.open(importlib.util.cache_from_source(numpy.__file__), os.O_WRONLY)))
    return model
