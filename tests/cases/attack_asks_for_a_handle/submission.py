"""A handle of its own folder, whose neighbours on the disk can be guessed from it."""

import ctypes
import struct

import target

AT_FDCWD = -100


def ask():
    handle = ctypes.create_string_buffer(struct.pack("=Ii", 128, 0), 136)
    target.call("name_to_handle_at", AT_FDCWD, b".", handle, ctypes.create_string_buffer(4), 0)
    return handle.raw[:16]


def prune(model):
    target.must_not(ask)
    return model
