"""A module for the kernel, which is none: the kernel has looked at it."""

import target


def prune(model):
    target.must_not(lambda: target.reach(target.kernel, "init_module", bytes(64), 64, b""))
    return model
