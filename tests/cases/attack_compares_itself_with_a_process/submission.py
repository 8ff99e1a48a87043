"""kcmp: whether two processes share memory, descriptors or files, and in which order the kernel keeps them."""

import os

import target


def prune(model):
    target.must_not(lambda: target.kernel("kcmp", os.getpid(), target.PID, 1, 0, 0))
    return model
