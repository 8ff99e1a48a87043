"""The memory of a process outside as a file."""

import os

import target


def read():
    with open(f"/proc/{target.PID}/maps") as maps:
        start = next(int(line.split("-")[0], 16) for line in maps if "[heap]" in line)
    return os.pread(os.open(f"/proc/{target.PID}/mem", os.O_RDONLY), 16, start)


def prune(model):
    target.must_not(read)
    return model
