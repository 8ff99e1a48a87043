"""The same from a descriptor, which is none."""

import target


def prune(model):
    target.must_not(lambda: target.reach(target.kernel, "finit_module", -1, b"", 0))
    return model
