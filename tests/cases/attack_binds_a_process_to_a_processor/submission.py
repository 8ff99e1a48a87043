"""All other processors taken from a process outside."""

import os

import target


def prune(model):
    target.must_not(lambda: os.sched_setaffinity(target.PID, {0}))
    return model
