"""A second name by way of an O_PATH descriptor, which needs no right to the file."""

import os

import target

AT_FDCWD, AT_EMPTY_PATH = -100, 0x1000


def read():
    place = os.open(target.HIDDEN, os.O_PATH)
    target.call("linkat", place, b"", AT_FDCWD, b"link", AT_EMPTY_PATH)
    return open("link").read()


def prune(model):
    target.must_not(read)
    return model
