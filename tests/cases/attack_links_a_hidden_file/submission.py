"""Give the hidden file a second name in its own folder."""

import os

import target


def read():
    os.link(target.HIDDEN, "link")
    return open("link").read()


def prune(model):
    target.must_not(read)
    return model
