"""What a process that held the secret would have imported."""

import sys

import target

OUTSIDE = (
    "yaml",
    "pydantic",
    "grader.ledger",
    "grader.intake",
    "grader.evaluate",
    "grader.owndata",
    "grader.task",
    "grader.sandbox",
)


def prune(model):
    target.must_not(lambda: [name for name in OUTSIDE if name in sys.modules][0])
    return model
