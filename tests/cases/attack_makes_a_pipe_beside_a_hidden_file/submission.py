"""Make a named pipe in the hidden folder, for the grader to hang in."""

import os

import target


def make():
    path = f"{target.FOLDER}/pipe"
    os.mkfifo(path)
    os.unlink(path)


def prune(model):
    target.must_not(make)
    return model
