"""chmod by way of an O_PATH descriptor."""

import os

import target


def prune(model):
    target.must_not(lambda: os.chmod(f"/proc/self/fd/{os.open(target.HIDDEN, os.O_PATH)}", 0o666))
    return model
