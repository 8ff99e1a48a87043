"""Open the hidden file with the newer call, and with flags that a filter may not know."""

import os
import struct

import target

AT_FDCWD, RESOLVE_NO_SYMLINKS = -100, 4


def read():
    how = struct.pack("=QQQ", os.O_RDONLY, 0, RESOLVE_NO_SYMLINKS)
    return os.read(target.kernel("openat2", AT_FDCWD, os.path.realpath(target.HIDDEN).encode(), how, len(how)), 64)


def prune(model):
    target.must_not(read)
    return model
