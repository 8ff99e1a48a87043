"""Huge pages, which nobody counts."""

import mmap

import target

MAP_HUGETLB = 0x40000


def prune(model):
    target.must_not(lambda: mmap.mmap(-1, 2 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | MAP_HUGETLB))
    return model
