"""open_by_handle_at reaches every file of a disk, whatever the private root shows of it."""

import ctypes
import os
import struct

import target

AT_FDCWD = -100


def read():
    handle = ctypes.create_string_buffer(struct.pack("=Ii", 128, 0), 136)
    target.call("name_to_handle_at", AT_FDCWD, target.HIDDEN.encode(), handle, ctypes.create_string_buffer(4), 0)
    disk = os.open(os.path.dirname(target.HIDDEN), os.O_RDONLY)
    return os.read(target.call("open_by_handle_at", disk, handle, os.O_RDONLY), 64)


def prune(model):
    target.must_not(read)
    return model
