"""A filter of its own, which could lie to its own tree about what the kernel answers."""

import struct

import target

SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER = 1, 8


def filter_all():
    allow = target.ctypes.create_string_buffer(struct.pack("=HBBI", 0x06, 0, 0, 0x7FFF0000))
    program = struct.pack("@HP", 1, target.ctypes.addressof(allow))
    return target.kernel("seccomp", SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, program)


def prune(model):
    target.must_not(filter_all)
    return model
