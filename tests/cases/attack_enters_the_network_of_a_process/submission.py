"""setns into the network of a process outside, by its handle alone."""

import os

import target

CLONE_NEWNET = 0x40000000


def prune(model):
    target.must_not(lambda: target.call("setns", os.pidfd_open(target.PID), CLONE_NEWNET))
    return model
