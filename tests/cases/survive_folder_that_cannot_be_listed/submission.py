"""Folders without the rights to read or to enter them."""

import os


def prune(model):
    os.mkdir("d", 0o300)
    os.mkdir("d/e")
    open("d/e/f", "w").close()
    os.mkdir("z", 0)
    return model
