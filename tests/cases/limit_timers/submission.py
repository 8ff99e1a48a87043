"""Timers without end, each of them kernel memory."""

import ctypes

import target


def hoard():
    timer = ctypes.c_int()
    for _ in range(3_000):
        target.call("timer_create", 1, None, ctypes.byref(timer))


def prune(model):
    target.must_not(hoard)
    return model
