"""The same by prctl."""

import struct

import target

PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 22, 2


def filter_all():
    allow = target.ctypes.create_string_buffer(struct.pack("=HBBI", 0x06, 0, 0, 0x7FFF0000))
    program = struct.pack("@HP", 1, target.ctypes.addressof(allow))
    target.call("prctl", PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program, 0, 0)


def prune(model):
    target.must_not(filter_all)
    return model
