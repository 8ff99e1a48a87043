"""The kernel's debugging file system."""

import os

import target


def prune(model):
    target.must_not(lambda: [name for place in ("tracing", "debug") for name in os.listdir(f"/sys/kernel/{place}")][0])
    return model
