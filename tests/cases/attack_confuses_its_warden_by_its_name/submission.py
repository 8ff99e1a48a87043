"""A name that reads like the rest of the line which the warden reads about it."""

import target

PR_SET_NAME = 15


def prune(model):
    target.call("prctl", PR_SET_NAME, b") Z 1 1 1 0 -1", 0, 0, 0)
    target.burn(0.12)
    return model
