"""Make the hidden folder its working folder."""

import os

import target


def prune(model):
    target.must_not(lambda: os.chdir(target.FOLDER))
    return model
