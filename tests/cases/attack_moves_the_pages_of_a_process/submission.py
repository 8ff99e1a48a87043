"""Have the kernel move the memory of a process outside about."""

import ctypes

import target


def prune(model):
    nodes = ctypes.c_ulong(1)
    target.must_not(lambda: target.kernel("migrate_pages", target.PID, 64, ctypes.byref(nodes), ctypes.byref(nodes)))
    return model
