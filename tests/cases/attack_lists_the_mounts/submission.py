"""listmount: the mounts of its namespace, by number."""

import ctypes
import struct

import target

LSMT_ROOT = 2**64 - 1


def ask():
    request = struct.pack("=IIQQ", 24, 0, LSMT_ROOT, 0)
    return target.kernel("listmount", request, ctypes.create_string_buffer(8 * 64), 64, 0)


def prune(model):
    target.must_not(ask)
    return model
