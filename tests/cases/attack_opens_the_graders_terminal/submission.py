"""/dev/tty, where the instructor sits."""

import os

import target


def prune(model):
    target.must_not(lambda: os.close(os.open("/dev/tty", os.O_RDWR)))
    return model
