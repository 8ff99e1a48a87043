"""Who holds which lock on which file, of all processes."""

import target


def prune(model):
    target.must_not(lambda: open("/proc/locks").read(1) + "opened")
    return model
