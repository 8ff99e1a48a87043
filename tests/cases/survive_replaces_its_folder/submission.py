"""The submission's folder is a link to somebody else's when it is cleared away."""

import os

import target


def prune(model):
    folder = os.getcwd()
    os.rename(folder, folder + "-moved")
    os.symlink(target.FOLDER, folder)
    return model
