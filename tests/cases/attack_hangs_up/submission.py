"""vhangup of the terminal that it does not have."""

import target


def prune(model):
    target.must_not(lambda: target.call("vhangup"))
    return model
