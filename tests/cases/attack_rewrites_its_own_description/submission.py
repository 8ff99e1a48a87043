"""PR_SET_MM: another program, other arguments and another memory in the eyes of whoever looks at it."""

import target

PR_SET_MM, PR_SET_MM_ARG_START = 35, 8


def prune(model):
    target.must_not(lambda: target.reach(target.call, "prctl", PR_SET_MM, PR_SET_MM_ARG_START, id(None), 0, 0))
    return model
