"""Renice all processes of its user, of which the grader may be one."""

import os

import target


def prune(model):
    target.must_not(lambda: os.setpriority(os.PRIO_USER, 0, 19))
    return model
