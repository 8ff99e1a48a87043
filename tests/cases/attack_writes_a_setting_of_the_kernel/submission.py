"""Where core files go, perhaps into a program. Opened for writing, and nothing written."""

import os

import target


def prune(model):
    target.must_not(lambda: os.close(os.open("/proc/sys/kernel/core_pattern", os.O_WRONLY)))
    return model
