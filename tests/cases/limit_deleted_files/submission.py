"""Files that are deleted while they are open: no folder holds them, and the disk is full of them."""

import os
import time


def prune(model):
    kept = []
    try:
        while len(kept) < 10:
            kept.append(open("file", "wb"))
            os.unlink("file")
            for _ in range(60):
                kept[-1].write(bytes(1 << 20))
    except OSError:
        raise MemoryError from None  # in a file system of its own, which is full
    time.sleep(5)
