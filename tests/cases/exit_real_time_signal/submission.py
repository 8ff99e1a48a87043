"""A signal without a name."""

import os


def prune(model):
    os.kill(os.getpid(), 40)
