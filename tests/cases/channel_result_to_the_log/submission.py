"""The result goes into the log, where nobody looks for it."""

import os


def prune(model):
    os.dup2(1, 3)
    return model
