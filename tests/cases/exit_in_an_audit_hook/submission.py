"""A hook for all that Python does, which can't be taken away any more."""

import os
import sys


def prune(model):
    sys.addaudithook(lambda *_: os._exit(4))
    open("file", "w")
    return model
