"""The same table by way of a thread's own folder."""

import os

import target


def prune(model):
    target.must_not(lambda: open(f"/proc/self/task/{os.getpid()}/net/unix").read().index(target.ABSTRACT))
    return model
