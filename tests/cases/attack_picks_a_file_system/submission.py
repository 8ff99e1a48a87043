"""fspick: change the options of a mounted file system. The folder is not there."""

import target

AT_FDCWD = -100


def prune(model):
    target.must_not(lambda: target.reach(target.kernel, "fspick", AT_FDCWD, b"/nonexistent", 0))
    return model
