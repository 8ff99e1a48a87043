"""Choose its priority at the disk itself."""

import target

IOPRIO_WHO_PROCESS, IOPRIO_BEST_EFFORT_0 = 1, 2 << 13


def prune(model):
    target.must_not(lambda: target.kernel("ioprio_set", IOPRIO_WHO_PROCESS, 0, IOPRIO_BEST_EFFORT_0))
    return model
