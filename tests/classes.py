"""Small classes held in memory, where the program itself goes through those of a ledger."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from grader.report import write
from grader.report.attention import Concern, concerns
from grader.report.class_page import index_page
from grader.report.lines import Line
from grader.report.schema import About, Grades, Report
from grader.report.student_page import Around, around
from grader.rubric import Rubric


def whole(about: About, reports: Iterable[Report]) -> Grades:
    """The class, in student order."""
    found = sorted(reports, key=lambda one: one.student)
    return Grades(**{name: getattr(about, name) for name in About.model_fields}, submissions=found)


def lines_of(grades: Grades) -> Sequence[Line]:
    return [Line.of(one) for one in grades.submissions]


def write_class(out: Path, grades: Grades, rubric: Rubric, *rest: Any, **more: Any) -> None:
    write.write_batch(out, grades, grades.submissions, rubric, *rest, **more)


def class_page(grades: Grades, rubric: Rubric, **more: Any) -> str:
    return "".join(index_page(grades, lines_of(grades), grades.submissions, rubric, **more))


def concerns_of(grades: Grades, rubric: Rubric) -> list[Concern]:
    reference = Line.of(grades.reference) if grades.reference else None
    return concerns(lines_of(grades), reference, rubric)


def around_of(grades: Grades, rubric: Rubric, *rest: Any) -> Around:
    return around(grades, lines_of(grades), rubric, *rest)
