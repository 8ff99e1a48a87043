"""The kernel's settings: which protections it has."""

import target


def prune(model):
    target.must_not(lambda: open("/proc/sys/kernel/randomize_va_space").read())
    return model
