"""prlimit as a question about a process outside."""

import resource

import target


def prune(model):
    target.must_not(lambda: resource.prlimit(target.PID, resource.RLIMIT_NOFILE))
    return model
