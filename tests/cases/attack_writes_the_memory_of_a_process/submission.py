"""process_vm_writev into a process outside: what stands there anyway."""

import ctypes

import target


class Span(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]


def write():
    with open(f"/proc/{target.PID}/maps") as maps:
        start = next(int(line.split("-")[0], 16) for line in maps if "[heap]" in line)
    buffer = ctypes.create_string_buffer(1)
    mine, theirs = Span(ctypes.cast(buffer, ctypes.c_void_p), 1), Span(start, 1)
    for name in ("process_vm_readv", "process_vm_writev"):
        target.call(name, target.PID, ctypes.byref(mine), 1, ctypes.byref(theirs), 1, 0)


def prune(model):
    target.must_not(write)
    return model
