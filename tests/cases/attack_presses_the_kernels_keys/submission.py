"""/proc/sysrq-trigger, opened for writing, and nothing written."""

import os

import target


def prune(model):
    target.must_not(lambda: os.close(os.open("/proc/sysrq-trigger", os.O_WRONLY)))
    return model
