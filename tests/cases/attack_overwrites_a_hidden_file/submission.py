"""Open the hidden file for writing."""

import target


def prune(model):
    target.must_not(lambda: open(target.HIDDEN, "r+").write("x"))
    return model
