"""Folders in each other, a hundred and fifty deep."""

import os


def prune(model):
    for _ in range(150):
        os.mkdir("d" * 9)
        os.chdir("d" * 9)
    return model
