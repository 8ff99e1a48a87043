"""A profiler that ends the process as soon as prune has returned."""

import os
import sys


def prune(model):
    sys.setprofile(lambda *_: os._exit(4))
    return model
