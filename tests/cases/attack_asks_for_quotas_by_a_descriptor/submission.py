"""quotactl_fd about no descriptor."""

import target

Q_GETFMT = 0x800004


def prune(model):
    target.must_not(lambda: target.reach(target.kernel, "quotactl_fd", -1, Q_GETFMT << 8, 0, bytes(8)))
    return model
