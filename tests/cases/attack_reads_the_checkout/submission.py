"""The rubric and whatever else lies beside the grader's own code."""

import sys
from pathlib import Path

import target


def prune(model):
    target.must_not(lambda: Path(sys.modules["grader"].__file__).parents[1].joinpath("rubric.yaml").read_text()[:40])
    return model
