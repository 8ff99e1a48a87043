"""What hardware the machine has."""

import os

import target


def prune(model):
    target.must_not(lambda: os.listdir("/sys/class"))
    return model
