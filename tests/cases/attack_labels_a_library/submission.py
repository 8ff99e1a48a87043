"""The same by the call that also sets a project's quota."""

import array
import fcntl

import numpy
import target

FS_IOC_FSGETXATTR, FS_IOC_FSSETXATTR = 0x801C581F, 0x401C5820


def label():
    attributes = array.array("I", bytes(28))
    with open(numpy.__file__) as library:
        fcntl.ioctl(library, FS_IOC_FSGETXATTR, attributes)
        fcntl.ioctl(library, FS_IOC_FSSETXATTR, attributes)


def prune(model):
    target.must_not(label)
    return model
