"""adjtimex, with an adjustment that the kernel refuses only after it has asked for the right."""

import struct

import target

ADJ_TICK = 0x4000


def prune(model):
    adjustment = target.ctypes.create_string_buffer(struct.pack("=I", ADJ_TICK), 208)
    target.must_not(lambda: target.reach(target.call, "adjtimex", adjustment))
    return model
