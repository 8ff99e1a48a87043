"""fchmodat2, which a filter made for chmod may not know."""

import target

AT_FDCWD = -100


def prune(model):
    target.must_not(lambda: target.kernel("fchmodat2", AT_FDCWD, target.HIDDEN.encode(), 0o666, 0))
    return model
