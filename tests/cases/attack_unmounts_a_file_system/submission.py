"""Unmount a file of its own, on which nothing is mounted."""

import target


def prune(model):
    target.must_not(lambda: target.reach(target.call, "umount2", b"prune.py", 0))
    return model
