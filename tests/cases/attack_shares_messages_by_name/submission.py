"""A POSIX message queue, which outlives its run."""

import os

import target


def share():
    number = target.kernel("mq_open", b"prunegrade", os.O_CREAT | os.O_RDWR, 0o600, None)
    target.kernel("mq_unlink", b"prunegrade")
    return number


def prune(model):
    target.must_not(share)
    return model
