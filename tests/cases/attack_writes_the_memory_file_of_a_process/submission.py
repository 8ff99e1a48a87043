"""Write into the memory of a process outside: what stands there anyway."""

import os

import target


def write():
    with open(f"/proc/{target.PID}/maps") as maps:
        start = next(int(line.split("-")[0], 16) for line in maps if "[heap]" in line)
    memory = os.open(f"/proc/{target.PID}/mem", os.O_RDWR)
    return os.pwrite(memory, os.pread(memory, 1, start), start)


def prune(model):
    target.must_not(write)
    return model
