"""Fork in prune and return in both, the child first."""

import os


def prune(model):
    if child := os.fork():
        os.waitpid(child, 0)
    return model
