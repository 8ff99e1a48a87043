"""mseal, a call newer than most filters, which must all be refused until somebody has looked at them."""

import mmap

import target


def prune(model):
    memory = mmap.mmap(-1, mmap.PAGESIZE, flags=mmap.MAP_PRIVATE)
    start = target.ctypes.addressof(target.ctypes.c_char.from_buffer(memory))
    target.must_not(lambda: target.kernel("mseal", start, mmap.PAGESIZE, 0))
    return model
