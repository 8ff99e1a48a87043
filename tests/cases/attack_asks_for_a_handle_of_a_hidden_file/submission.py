"""name_to_handle_at, whose answer opens the file from anywhere."""

import ctypes
import struct

import target

AT_FDCWD = -100


def ask():
    handle = ctypes.create_string_buffer(struct.pack("=Ii", 128, 0), 136)
    target.call("name_to_handle_at", AT_FDCWD, target.HIDDEN.encode(), handle, ctypes.create_string_buffer(4), 0)
    return handle.raw[:16]


def prune(model):
    target.must_not(ask)
    return model
