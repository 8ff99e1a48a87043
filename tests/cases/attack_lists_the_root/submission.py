"""List the root: there is something in it that only the host has."""

import os

import target


def prune(model):
    target.must_not(lambda: [name for name in ("boot", "media", "mnt", "srv") if name in os.listdir("/")][0])
    return model
