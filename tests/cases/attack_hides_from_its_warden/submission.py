"""PR_SET_DUMPABLE: a process into which nobody can look has no figures."""

import target

PR_SET_DUMPABLE = 4


def prune(model):
    target.must_not(lambda: target.call("prctl", PR_SET_DUMPABLE, 0, 0, 0, 0))
    return model
