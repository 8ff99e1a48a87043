"""Set the clock to what it shows."""

import time

import target


def prune(model):
    target.must_not(lambda: time.clock_settime(time.CLOCK_REALTIME, time.time()))
    return model
