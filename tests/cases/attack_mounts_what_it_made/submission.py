"""fsmount of no descriptor."""

import target


def prune(model):
    target.must_not(lambda: target.reach(target.kernel, "fsmount", -1, 0, 0))
    return model
