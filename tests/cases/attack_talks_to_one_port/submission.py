"""ioperm: one port, at which nobody listens."""

import target


def prune(model):
    target.must_not(lambda: target.kernel("ioperm", 0x80, 1, 1))
    return model
