"""reboot, without the magic numbers."""

import target


def prune(model):
    target.must_not(lambda: target.reach(target.kernel, "reboot", 0, 0, 0, None))
    return model
