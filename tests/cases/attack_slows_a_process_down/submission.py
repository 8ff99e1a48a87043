"""Renice a process outside."""

import os

import target


def prune(model):
    target.must_not(lambda: os.setpriority(os.PRIO_PROCESS, target.PID, 19))
    return model
