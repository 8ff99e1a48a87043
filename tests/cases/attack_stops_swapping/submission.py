"""swapoff a file that is not there."""

import target


def prune(model):
    target.must_not(lambda: target.reach(target.call, "swapoff", b"/nonexistent"))
    return model
