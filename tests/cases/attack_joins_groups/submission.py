"""setgroups, to be of the disk's or Docker's group."""

import os

import target


def prune(model):
    target.must_not(lambda: os.setgroups([0, 6]))
    return model
