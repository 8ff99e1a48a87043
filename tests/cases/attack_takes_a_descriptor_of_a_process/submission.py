"""pidfd_getfd: a copy of a descriptor that a process outside has."""

import os

import target


def prune(model):
    target.must_not(lambda: os.read(target.kernel("pidfd_getfd", os.pidfd_open(target.PID), 3, 0), 64))
    return model
