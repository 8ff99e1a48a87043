"""A timer that wakes a sleeping machine."""

import target

CLOCK_BOOTTIME_ALARM = 9


def prune(model):
    target.must_not(lambda: target.call("timerfd_create", CLOCK_BOOTTIME_ALARM, 0))
    return model
