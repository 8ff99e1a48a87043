"""``assignment`` in a student's own Python: the same names as inside the grader, with the data of the kit."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import torch

from grader import rubric as rubrics
from grader import task
from grader.rubric import Rubric


def serve(assignment: ModuleType, kit: Path) -> None:
    """Let ``assignment`` find the public data of the rubric in ``kit`` once they are used; scores follow that rubric at once.

    Raises UsageError for a rubric or data that can't be read.
    """
    rules = rubrics.load(kit / "rubric.yaml")
    scoring = scoring_of(rules)
    assignment._scoring.update(scoring)

    def put_in() -> None:
        public = task.public(rules, kit, kit / ".prunegrade")
        splits = (public.train.inputs, public.train.targets, public.validation.inputs, public.validation.targets)
        assignment._install(*(np.array(part) for part in splits), torch.device("cpu"), scoring)

    vars(assignment)["_put_in"] = put_in


def scoring_of(rules: Rubric) -> dict[str, float]:
    """The numbers that ``assignment.score`` and ``assignment.points`` need, named as in the rubric."""
    return {**rules.score.model_dump(), **rules.points.model_dump()}
