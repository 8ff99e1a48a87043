"""Who runs in which control group on this machine."""

import os

import target


def prune(model):
    target.must_not(lambda: os.listdir("/sys/fs/cgroup"))
    return model
