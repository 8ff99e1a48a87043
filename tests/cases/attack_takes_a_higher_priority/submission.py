"""Be served before everybody else."""

import os

import target


def prune(model):
    target.must_not(lambda: os.setpriority(os.PRIO_PROCESS, 0, -5))
    return model
