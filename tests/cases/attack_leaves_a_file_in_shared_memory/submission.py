"""A file for the next run in the host's /dev/shm: its own one is too small to be it, and empty with each run."""

import os

import target


def leave():
    path = "/dev/shm/prunegrade-attack"
    open(path, "w").close()
    os.unlink(path)
    if os.stat("/dev/shm").st_uid == os.getuid() != 0 or os.stat("/dev/shm").st_mode & 0o1777 != 0o1777:
        raise PermissionError("its own")


def prune(model):
    target.must_not(leave)
    return model
