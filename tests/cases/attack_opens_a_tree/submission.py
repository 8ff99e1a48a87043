"""open_tree as another way to hold a place."""

import target

AT_FDCWD = -100


def prune(model):
    target.must_not(lambda: target.kernel("open_tree", AT_FDCWD, b".", 0))
    return model
