"""The page of one submission: what a student sees of it, and, with everything, what the instructor does."""

from __future__ import annotations

from grader.records import PUBLIC
from grader.report.advice import explain, what_limits
from grader.report.html import page
from grader.report.schema import Grades, Report
from grader.report.student import student_view
from grader.rubric import Rubric


def student_page(view: Report, grades: Grades, rubric: Rubric, assets: str | None = "../../assets") -> str:
    """The page of one report, which must be a student's view where the student is to see it.

    ``assets`` is the relative path of the style sheet's folder; None puts the styles into the page, so that one file is all.
    """
    public = next((one for one in view.instances if one.name == PUBLIC), None)
    to_compare = next((one for one in grades.reference.instances if one.name == PUBLIC), None) if grades.reference else None
    return page(
        "student.html",
        assets,
        report=view,
        grades=grades,
        rubric=rubric,
        words=explain(view.verdict, rubric),
        limits=what_limits(view, rubric),
        public=public,
        reference=student_view(grades.reference, rubric) if grades.reference else None,
        reference_layers=to_compare.layers if to_compare else None,
        hidden=[one for one in view.instances if one.name != PUBLIC],
    )
