"""Another scheduler for a process outside."""

import os

import target


def prune(model):
    target.must_not(lambda: os.sched_setscheduler(target.PID, os.SCHED_BATCH, os.sched_param(0)))
    return model
