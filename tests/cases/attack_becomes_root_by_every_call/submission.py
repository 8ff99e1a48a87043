"""All the other calls by which one becomes somebody else."""

import os

import target


def prune(model):
    target.must_not(lambda: os.setresuid(0, 0, 0))
    target.must_not(lambda: os.setreuid(0, 0))
    target.must_not(lambda: os.setegid(0))
    target.must_not(lambda: os.setresgid(0, 0, 0))
    target.must_not(lambda: os.setregid(0, 0))
    return model
