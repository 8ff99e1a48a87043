"""The lowest priority at the disk for a process outside."""

import target

IOPRIO_WHO_PROCESS, IOPRIO_IDLE = 1, 3 << 13


def prune(model):
    target.must_not(lambda: target.kernel("ioprio_set", IOPRIO_WHO_PROCESS, target.PID, IOPRIO_IDLE))
    return model
