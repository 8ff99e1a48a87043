"""request_key, for which the kernel may start a program: that none was found is an answer."""

import target


def prune(model):
    target.must_not(lambda: target.reach(target.kernel, "request_key", b"user", b"prunegrade", None, 0))
    return model
