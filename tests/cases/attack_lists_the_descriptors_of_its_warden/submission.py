"""What its warden has open: the report, on which the grader believes what it reads."""

import os

import target


def prune(model):
    target.must_not(lambda: os.listdir(f"/proc/{os.getppid()}/fd"))
    return model
