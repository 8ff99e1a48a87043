"""A control group of its own."""

import glob
import os

import target


def make():
    place = os.path.dirname(["/sys/fs/cgroup/cgroup.procs", *glob.glob("/sys/fs/cgroup/*/cgroup.procs")][-1])
    os.mkdir(f"{place}/prunegrade-attack")
    os.rmdir(f"{place}/prunegrade-attack")


def prune(model):
    target.must_not(make)
    return model
