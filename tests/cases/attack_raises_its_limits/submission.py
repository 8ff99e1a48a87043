"""Limits above those that it was given."""

import resource

import target


def prune(model):
    for which in (resource.RLIMIT_NOFILE, resource.RLIMIT_NPROC, resource.RLIMIT_AS, resource.RLIMIT_FSIZE, resource.RLIMIT_CORE):
        hard = resource.getrlimit(which)[1]
        target.must_not(lambda: resource.setrlimit(which, (hard + 1, hard + 1)))
    return model
