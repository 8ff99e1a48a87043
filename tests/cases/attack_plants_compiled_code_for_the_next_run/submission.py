"""A file among the compiled modules, which are believed by their date alone. Without a name here."""

import importlib.util
import os

import numpy
import target


def prune(model):
    folder = os.path.dirname(importlib.util.cache_from_source(numpy.__file__))
    target.must_not(lambda: os.close(os.open(folder, os.O_TMPFILE | os.O_WRONLY)))
    return model
