"""The call that sends the result replaced by one that sends nothing."""

import os


def prune(model):
    os.write = lambda fd, data: 0
    return model
