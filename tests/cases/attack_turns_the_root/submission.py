"""pivot_root to a folder that is not there."""

import target


def prune(model):
    target.must_not(lambda: target.reach(target.kernel, "pivot_root", b"/nonexistent", b"/nonexistent"))
    return model
