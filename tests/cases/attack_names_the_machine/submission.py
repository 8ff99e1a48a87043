"""sethostname with a length that no name has: refused for that, once the right is there."""

import target


def prune(model):
    target.must_not(lambda: target.reach(target.call, "sethostname", b"prunegrade", -1))
    return model
