"""Put a file of its own in the hidden file's place."""

import os

import target


def prune(model):
    target.must_not(lambda: os.rename("prune.py", target.HIDDEN))
    return model
