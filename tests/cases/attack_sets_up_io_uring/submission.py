"""A second way into the kernel, past every filter of system calls."""

import target


def prune(model):
    target.must_not(lambda: target.kernel("io_uring_setup", 1, bytes(120)))
    return model
