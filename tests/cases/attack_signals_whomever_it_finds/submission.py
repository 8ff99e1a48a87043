"""Signal 0 to all numbers near the grader's: the nursery's is among them, and other runs'."""

import os

import target


def find():
    own = {int(name) for name in os.listdir("/proc/self/task")}
    for pid in {*range(max(1, target.KEEPER - 500), target.KEEPER + 500)} - own:
        try:
            os.kill(pid, 0)
        except OSError:
            continue
        return pid
    raise ProcessLookupError


def prune(model):
    target.must_not(find)
    return model
