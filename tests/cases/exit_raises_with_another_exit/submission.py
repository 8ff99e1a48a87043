"""The same after a failure."""

import os


def prune(model):
    os._exit = lambda code: None
    raise ValueError
