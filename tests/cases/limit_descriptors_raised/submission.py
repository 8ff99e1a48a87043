"""Raise the limit on descriptors to where it can be raised, and use it."""

import os
import resource

import target


def use():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return len([os.dup(0) for _ in range(3_000)])


def prune(model):
    target.must_not(use)
    return model
