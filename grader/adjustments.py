"""What a person has decided: marks of manual criteria, overrides, waived penalties, comments. A file of its own beside the
rubric, so that it survives whatever is run or marked again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, TypeAdapter, model_validator

from grader import yamlfile
from grader.errors import UsageError
from grader.rubric import ManualCriterion, Points, Rubric
from grader.yamlfile import Section

FILE = "adjustments.yaml"
Text = Annotated[str, Field(max_length=4_000)]
Name = Annotated[str, Field(min_length=1, max_length=200)]


class Adjustment(Section):
    """One decision about one student."""

    student: Name  # id, as in the gradebook
    author: Name
    reason: Text = ""
    criterion: Name | None = None  # of a manual criterion: ``points`` are its mark
    points: Points | None = None  # without a criterion: the final points, whatever was measured
    waive_late: bool = False
    comment: Text = ""

    @model_validator(mode="after")
    def says_something(self) -> Self:
        if self.criterion is not None and self.points is None:
            raise ValueError("a criterion needs points")
        if self.points is None and not self.waive_late and not self.comment:
            raise ValueError("expected points, waive_late or a comment")
        if (self.waive_late or (self.points is not None and self.criterion is None)) and not self.reason:
            what = "waive_late takes away a penalty" if self.waive_late else "points without a criterion are the final ones"
            raise ValueError(f"reason|missing|some words for the student, because {what}")
        return self


_LIST = TypeAdapter(tuple[Adjustment, ...])


@dataclass(frozen=True, slots=True)
class Adjustments:
    """All of a batch, in the file's order: of two that say the same, the later one holds."""

    all: tuple[Adjustment, ...] = ()

    def of(self, student: str) -> tuple[Adjustment, ...]:
        return tuple(one for one in self.all if one.student == student)

    def unknown(self, students: Iterable[str]) -> list[str]:
        """Students that the file names and the batch does not know, each once."""
        known = set(students)
        return list(dict.fromkeys(one.student for one in self.all if one.student not in known))

    def to_json(self) -> str:
        return _LIST.dump_json(self.all).decode()

    @classmethod
    def of_json(cls, text: str) -> Self:
        return cls(_LIST.validate_json(text))


def load(rubric_file: Path, rules: Rubric) -> Adjustments:
    """adjustments.yaml beside the rubric; none where there is no such file. Raises UsageError with one sentence."""
    path = rubric_file.with_name(FILE)
    if not path.exists():
        return Adjustments()
    found = yamlfile.read(path, "put it beside the rubric")
    if found is None:
        return Adjustments()
    if not isinstance(found, list):
        raise UsageError(f"{path}: expected a list of entries such as '- student: ada', found {yamlfile.shown(found)}")
    entries = []
    for number, entry in enumerate(found, 1):
        where = f"{path}: entry {number}"
        if not isinstance(entry, dict):
            raise UsageError(f"{where}: expected keys and values such as 'student: ada', found {yamlfile.shown(entry)}")
        entries.append(yamlfile.checked(entry, Adjustment, where, "an adjustment"))
        _check(entries[-1], rules, where)
    return Adjustments(tuple(entries))


def _check(one: Adjustment, rules: Rubric, where: str) -> None:
    """Against the rubric: a mark for a criterion that is there and that a person may give, of no more than its points."""
    if one.criterion is None:
        return
    manual = {criterion.name: criterion for criterion in rules.criteria if isinstance(criterion, ManualCriterion)}
    if one.criterion not in manual:
        raise UsageError(
            f"{where}: criterion is {one.criterion!r}, expected a manual criterion of the rubric "
            f"({', '.join(map(repr, manual)) or 'there is none'})"
        )
    most = manual[one.criterion].points
    if one.points is not None and one.points > most:
        raise UsageError(f"{where}: points is {one.points:g}, expected at most the {most:g} of {one.criterion!r}")
