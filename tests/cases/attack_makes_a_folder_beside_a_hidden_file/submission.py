"""Make a folder in the hidden folder."""

import os

import target


def make():
    path = f"{target.FOLDER}/made"
    os.mkdir(path)
    os.rmdir(path)


def prune(model):
    target.must_not(make)
    return model
