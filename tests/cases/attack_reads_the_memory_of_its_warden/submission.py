"""process_vm_readv on its warden: what it was forked from lies at the same addresses."""

import ctypes
import os

import target


class Span(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]


def read():
    buffer = ctypes.create_string_buffer(8)
    mine, theirs = Span(ctypes.cast(buffer, ctypes.c_void_p), 8), Span(id(None), 8)
    target.call("process_vm_readv", os.getppid(), ctypes.byref(mine), 1, ctypes.byref(theirs), 1, 0)


def prune(model):
    target.must_not(read)
    return model
