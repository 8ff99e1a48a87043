"""/proc/kcore. That it can be opened is enough."""

import os

import target


def prune(model):
    target.must_not(lambda: os.close(os.open("/proc/kcore", os.O_RDONLY)))
    return model
