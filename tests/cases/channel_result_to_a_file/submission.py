"""The result goes into a file, which nobody reads."""

import os


def prune(model):
    os.dup2(os.open("result", os.O_CREAT | os.O_WRONLY), 3)
    return model
