"""Address space without memory, of which the page tables alone would fill the machine."""

import mmap

import target


def prune(model):
    target.must_not(lambda: [mmap.mmap(-1, 64 << 30, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000) for _ in range(16)])
    return model
