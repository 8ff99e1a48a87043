"""process_madvise: have a process outside lose its pages to the disk."""

import ctypes
import os

import target

MADV_COLD = 20


class Span(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]


def advise():
    handle, span = os.pidfd_open(target.PID), Span(id(None) & ~4095, 4096)
    return target.reach(target.kernel, "process_madvise", handle, ctypes.byref(span), 1, MADV_COLD, 0)


def prune(model):
    target.must_not(advise)
    return model
