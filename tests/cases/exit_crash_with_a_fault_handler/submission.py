"""Python's fault handler prints where it happened, and the signal goes on."""

import ctypes
import faulthandler


def prune(model):
    faulthandler.enable()
    ctypes.string_at(0)
