"""A scheduler under which nobody else gets a turn, for a moment."""

import os

import target


def run():
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def prune(model):
    target.must_not(run)
    return model
