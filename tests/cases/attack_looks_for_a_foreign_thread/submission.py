"""A process outside as if it were a thread of its own."""

import os

import target


def prune(model):
    target.must_not(lambda: os.listdir(f"/proc/self/task/{target.PID}"))
    return model
