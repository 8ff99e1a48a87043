"""The instructor's page of a whole batch."""

from __future__ import annotations

from collections import Counter

from grader.report.html import page
from grader.report.schema import Grades
from grader.rubric import Rubric


def index_page(grades: Grades, rubric: Rubric, assets: str | None = "assets") -> str:
    """The instructor's page: every submission with its whole reason. Nothing on it is cut for students' eyes."""
    points = sorted(one.points for one in grades.submissions if one.points is not None)
    return page(
        "index.html",
        assets,
        grades=grades,
        rubric=rubric,
        verdicts=Counter(one.verdict for one in grades.submissions).most_common(),
        mean_points=sum(points) / len(points) if points else None,
        median_points=(points[(len(points) - 1) // 2] + points[len(points) // 2]) / 2 if points else None,
    )
