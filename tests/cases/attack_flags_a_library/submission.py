"""Set a library's flags by a descriptor for reading, to what they are: with other ones it could not be changed any more."""

import array
import fcntl

import numpy
import target

FS_IOC_GETFLAGS, FS_IOC_SETFLAGS = 0x80086601, 0x40086602


def flag():
    flags = array.array("l", [0])
    with open(numpy.__file__) as library:
        fcntl.ioctl(library, FS_IOC_GETFLAGS, flags)
        fcntl.ioctl(library, FS_IOC_SETFLAGS, flags)


def prune(model):
    target.must_not(flag)
    return model
