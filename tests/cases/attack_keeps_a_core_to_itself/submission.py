"""Core scheduling: while it runs, nobody else may run on the other half of its core."""

import target

PR_SCHED_CORE, PR_SCHED_CORE_CREATE, OF_ITS_PROCESS = 62, 1, 1


def prune(model):
    target.must_not(lambda: target.call("prctl", PR_SCHED_CORE, PR_SCHED_CORE_CREATE, 0, OF_ITS_PROCESS, 0))
    return model
