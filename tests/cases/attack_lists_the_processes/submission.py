"""List the processes: there is one among them that only the host has."""

import os

import target


def prune(model):
    target.must_not(lambda: os.listdir("/proc").index(str(target.PID)))
    return model
