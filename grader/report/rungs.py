"""The ladder's methods as rungs beside students' points: from figures measured once, judged by the batch's own rubric."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from grader.errors import GraderError
from grader.rubric import Rubric

LADDER = "ladder.json"


class Method(BaseModel):
    """One method's means over the instances it was measured on."""

    model_config = ConfigDict(frozen=True)

    name: Annotated[str, Field(max_length=200)]
    sparsity: Annotated[float, Field(ge=0, le=1)]
    mse: Annotated[float, Field(ge=0, allow_inf_nan=False)]

    def points(self, rubric: Rubric) -> float:
        """What the rubric gives for these figures, before further criteria."""
        return rubric.points_of(rubric.score_of(self.mse, self.sparsity))


class Ladder(BaseModel):
    """reference/ladder.json."""

    methods: list[Method]
    date: str = ""
    instances: int | None = None


def load_ladder(folder: Path, rubric: Rubric) -> Ladder | None:
    """The ladder in ``folder``; None where there is none, or where the task is another than the one it was measured on.

    Raises GraderError for a file that is not one.
    """
    path = folder / LADDER
    if rubric.task.files is not None:
        return None
    try:
        found = Ladder.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        raise GraderError(f"{path}: can't be read as the ladder's figures: {str(error).splitlines()[0]}") from None
    return found if found.methods and all(math.isfinite(one.mse) for one in found.methods) else None
