"""process_mrelease, which is for processes that are ending."""

import os

import target


def reap():
    handle = os.pidfd_open(target.PID)
    return target.reach(target.kernel, "process_mrelease", handle, 0)


def prune(model):
    target.must_not(reap)
    return model
