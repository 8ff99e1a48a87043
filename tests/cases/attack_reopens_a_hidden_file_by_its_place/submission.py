"""Open the hidden file as a mere place (O_PATH), and then that place for reading."""

import os

import target


def read():
    place = os.open(target.HIDDEN, os.O_PATH)
    return open(f"/proc/self/fd/{place}").read()


def prune(model):
    target.must_not(read)
    return model
