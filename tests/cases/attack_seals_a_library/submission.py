"""Enable verity for a library by a descriptor for reading."""

import fcntl
import struct

import numpy
import target

FS_IOC_ENABLE_VERITY = 0x40806685


def prune(model):
    arguments = struct.pack("=IIIIQIIQ", 1, 1, 4096, 0, 0, 0, 0, 0) + bytes(88)
    with open(numpy.__file__) as library:
        target.must_not(lambda: fcntl.ioctl(library, FS_IOC_ENABLE_VERITY, arguments))
    return model
