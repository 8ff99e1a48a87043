"""The memory of its warden as a file."""

import os

import target


def prune(model):
    target.must_not(lambda: os.close(os.open(f"/proc/{os.getppid()}/mem", os.O_RDONLY)))
    return model
