"""mount_setattr on a folder that is not there, to take its read-only flag away."""

import struct

import target

AT_FDCWD, MOUNT_ATTR_RDONLY = -100, 1


def prune(model):
    attributes = struct.pack("=QQQQ", 0, MOUNT_ATTR_RDONLY, 0, 0)
    target.must_not(lambda: target.reach(target.kernel, "mount_setattr", AT_FDCWD, b"/nonexistent", 0, attributes, 32))
    return model
