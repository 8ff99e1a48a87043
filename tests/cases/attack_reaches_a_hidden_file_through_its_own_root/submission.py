"""/proc/self/root instead of the root."""

import target


def prune(model):
    target.must_not(lambda: open(f"/proc/self/root{target.HIDDEN}").read())
    return model
