"""Whether a program that belongs to root would run as root: the kernel says no for good."""

import target

PR_GET_NO_NEW_PRIVS = 39


def prune(model):
    if target.call("prctl", PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1:
        target.breach()
    return model
