"""Processes that do nothing but give the processor away."""

import os


def prune(model):
    for _ in range(4):
        if os.fork() == 0:
            break
    while True:
        os.sched_yield()
