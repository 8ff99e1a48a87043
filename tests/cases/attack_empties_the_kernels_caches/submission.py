"""/proc/sys/vm/drop_caches, opened for writing, and nothing written."""

import os

import target


def prune(model):
    target.must_not(lambda: os.close(os.open("/proc/sys/vm/drop_caches", os.O_WRONLY)))
    return model
