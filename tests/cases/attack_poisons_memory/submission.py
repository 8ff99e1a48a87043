"""Tell the kernel that a page of memory is broken."""

import mmap

import target

MADV_HWPOISON, MADV_SOFT_OFFLINE = 100, 101


def prune(model):
    for advice in (MADV_HWPOISON, MADV_SOFT_OFFLINE):
        target.must_not(lambda: mmap.mmap(-1, mmap.PAGESIZE, flags=mmap.MAP_PRIVATE).madvise(advice))
    return model
