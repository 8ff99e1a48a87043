"""The hidden file's extended attributes."""

import os

import target


def prune(model):
    target.must_not(lambda: os.listxattr(target.HIDDEN))
    return model
