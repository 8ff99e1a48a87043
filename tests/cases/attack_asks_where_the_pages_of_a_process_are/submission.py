"""move_pages as a question: which pages of a process outside are there at all."""

import ctypes

import target


def ask():
    page, node = ctypes.c_void_p(id(None) & ~4095), ctypes.c_int()
    return target.kernel("move_pages", target.PID, 1, ctypes.byref(page), None, ctypes.byref(node), 0)


def prune(model):
    target.must_not(ask)
    return model
