"""Make a symbolic link in the hidden folder, for the grader to follow."""

import os

import target


def lay():
    path = f"{target.FOLDER}/link"
    os.symlink(os.getcwd(), path)
    os.unlink(path)


def prune(model):
    target.must_not(lay)
    return model
