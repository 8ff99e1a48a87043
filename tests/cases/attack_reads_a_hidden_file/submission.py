"""Open a file of the grader by its path."""

import target


def prune(model):
    target.must_not(lambda: open(target.HIDDEN).read())
    return model
