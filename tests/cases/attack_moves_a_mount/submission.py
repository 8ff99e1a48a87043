"""move_mount of a folder that is not there."""

import target

AT_FDCWD = -100


def prune(model):
    target.must_not(lambda: target.reach(target.kernel, "move_mount", AT_FDCWD, b"/nonexistent", AT_FDCWD, b"/nonexistent", 0))
    return model
