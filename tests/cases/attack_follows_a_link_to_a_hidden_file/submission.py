"""Read the hidden file by a symbolic link in its own folder."""

import os

import target


def read():
    os.symlink(target.HIDDEN, "link")
    return open("link").read()


def prune(model):
    target.must_not(read)
    return model
