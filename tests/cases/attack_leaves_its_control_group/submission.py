"""Open the list of a control group's members, into which it could write itself."""

import glob
import os

import target


def prune(model):
    places = ["/sys/fs/cgroup/cgroup.procs", *glob.glob("/sys/fs/cgroup/*/cgroup.procs")]
    target.must_not(lambda: os.close(os.open(places[-1], os.O_WRONLY)))
    return model
