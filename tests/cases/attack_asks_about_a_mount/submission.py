"""statmount about a mount that is not there."""

import ctypes
import struct

import target


def prune(model):
    request = struct.pack("=IIQQ", 24, 0, 1, 1)
    answer = ctypes.create_string_buffer(4096)
    target.must_not(lambda: target.reach(target.kernel, "statmount", request, answer, 4096, 0))
    return model
