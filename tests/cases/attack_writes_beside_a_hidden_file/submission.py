"""Make a file in the hidden folder."""

import os

import target


def prune(model):
    target.must_not(lambda: os.open(target.FOLDER, os.O_TMPFILE | os.O_WRONLY))
    return model
