"""/proc/self/pagemap: where in the machine's memory its own lies, which is what attacks on memory cells need."""

import mmap
import os
import struct

import target


def find():
    kept = object()
    entry = os.pread(os.open("/proc/self/pagemap", os.O_RDONLY), 8, id(kept) // mmap.PAGESIZE * 8)
    frame = struct.unpack("=Q", entry)[0] & (1 << 55) - 1
    if frame == 0:
        raise PermissionError
    return frame


def prune(model):
    target.must_not(find)
    return model
