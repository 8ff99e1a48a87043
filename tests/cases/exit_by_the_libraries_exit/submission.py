"""exit of the C library, which runs what was registered for the exit."""

import ctypes


def prune(model):
    ctypes.CDLL(None).exit(7)
