"""vfork, whose parent waits where no signal but one is heard, for a child that sleeps."""

import ctypes
import time


def prune(model):
    libc = ctypes.CDLL(None)
    libc.vfork.restype = ctypes.c_int
    if libc.vfork() == 0:
        time.sleep(60)
    time.sleep(60)
