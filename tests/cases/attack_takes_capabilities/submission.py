"""capset, for one that it may once have had."""

import struct

import target

VERSION_3, CAP_KILL = 0x20080522, 1 << 5


def prune(model):
    header, data = struct.pack("=Ii", VERSION_3, 0), struct.pack("=6I", CAP_KILL, CAP_KILL, 0, 0, 0, 0)
    target.must_not(lambda: target.call("capset", header, data))
    return model
