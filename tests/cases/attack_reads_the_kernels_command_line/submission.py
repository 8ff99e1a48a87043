"""How the machine was started."""

import target


def prune(model):
    target.must_not(lambda: open("/proc/cmdline").read())
    return model
