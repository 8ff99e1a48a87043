"""A file of /sys, opened for writing, and nothing written."""

import os

import target


def prune(model):
    target.must_not(lambda: os.close(os.open("/sys/kernel/profiling", os.O_WRONLY)))
    return model
