"""List the folder that the hidden file lies in."""

import os

import target


def prune(model):
    target.must_not(lambda: os.listdir(target.FOLDER))
    return model
