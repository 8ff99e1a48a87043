"""iopl: the ports of the machine's devices."""

import target


def prune(model):
    target.must_not(lambda: target.kernel("iopl", 3))
    return model
