"""setns into the file systems of its warden."""

import os

import target


def prune(model):
    target.must_not(lambda: target.call("setns", os.open(f"/proc/{os.getppid()}/ns/mnt", os.O_RDONLY), 0))
    return model
