"""setxattrat, which is newer than most filters."""

import ctypes
import struct

import target

AT_FDCWD = -100


def mark():
    value = ctypes.create_string_buffer(b"x")
    arguments = struct.pack("=QII", ctypes.addressof(value), 1, 0)
    target.kernel("setxattrat", AT_FDCWD, target.HIDDEN.encode(), 0, b"user.mark", arguments, len(arguments))


def prune(model):
    target.must_not(mark)
    return model
