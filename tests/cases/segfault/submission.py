import ctypes


def prune(model):
    ctypes.string_at(0)
