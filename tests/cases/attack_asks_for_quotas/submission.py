"""quotactl about a disk that is not there."""

import target

Q_GETFMT = 0x800004


def prune(model):
    target.must_not(lambda: target.reach(target.call, "quotactl", Q_GETFMT << 8, b"/nonexistent", 0, bytes(8)))
    return model
