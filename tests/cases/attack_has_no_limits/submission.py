"""Which of its limits are none."""

import resource

import target

LIMITED = (resource.RLIMIT_AS, resource.RLIMIT_FSIZE, resource.RLIMIT_NPROC, resource.RLIMIT_CPU, resource.RLIMIT_MSGQUEUE)


def prune(model):
    target.must_not(lambda: [which for which in LIMITED if resource.getrlimit(which)[1] == resource.RLIM_INFINITY][0])
    return model
