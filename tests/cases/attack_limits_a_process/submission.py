"""prlimit: a limit for a process outside."""

import resource

import target


def prune(model):
    target.must_not(lambda: resource.prlimit(target.PID, resource.RLIMIT_CORE, (0, 0)))
    return model
