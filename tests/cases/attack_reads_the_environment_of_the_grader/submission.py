"""The environment that the grader was started with."""

import target


def prune(model):
    target.must_not(lambda: open(f"/proc/{target.KEEPER}/environ", "rb").read(1))
    return model
