"""The file that all runs on an instance share, by its mapping: opened anew, written, mapped and cut. It is sealed."""

import mmap
import os

import target


def reopen():
    with open("/proc/self/maps") as maps:
        bounds = next(line.split()[0] for line in maps if "memfd:instance" in line)
    return os.open(f"/proc/self/map_files/{bounds}", os.O_RDWR)


def prune(model):
    target.must_not(lambda: os.pwrite(reopen(), b"x", 0))
    target.must_not(lambda: os.ftruncate(reopen(), 0))
    target.must_not(lambda: mmap.mmap(reopen(), mmap.PAGESIZE))
    return model
