"""chown on the hidden file."""

import os

import target


def prune(model):
    target.must_not(lambda: os.chown(target.HIDDEN, 23456, 23456))
    return model
