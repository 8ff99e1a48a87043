"""Pages given to a pipe and unmapped: of a huge one the pipe holds all by one byte, and no figure of a process has them."""

import ctypes
import mmap
import os

import target


class Piece(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]


def give():
    memory = mmap.mmap(-1, 4096, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    piece = Piece(ctypes.addressof(ctypes.c_char.from_buffer(memory)), 1)
    return target.call("vmsplice", os.pipe()[1], ctypes.byref(piece), 1, 0)


def prune(model):
    target.must_not(give)
    return model
