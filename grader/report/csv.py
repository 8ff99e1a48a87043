"""gradebook.csv: one row for each submission, safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io

from grader.report.schema import Grades, Report
from grader.report.text import one_line

HEADER = ("student", "name", "email", "verdict", "raw_points", "late_penalty", "points", "max_points", "message")
# A spreadsheet runs a cell that begins so as a formula; the last four are full-width forms that some accept as well.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")
MESSAGE = 500


def gradebook(grades: Grades) -> str:
    """The file's text. Points have all their digits; those that the grader owes are empty cells."""
    out = io.StringIO(newline="")
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(HEADER)
    rows.writerows(_row(report) for report in grades.submissions)
    return out.getvalue()


def text_cell(text: str, limit: int = MESSAGE) -> str:
    """Text of a student for one CSV cell: one line, and never a formula."""
    shown = one_line(text, limit)
    return f"'{shown}" if text.startswith(FORMULA) or shown.startswith(FORMULA) else shown


def _row(report: Report) -> list[str]:
    return [
        *(text_cell(text) for text in (report.student, report.name, report.email)),
        report.verdict,
        *(_number(value) for value in (report.raw_points, report.late_penalty, report.points, report.max_points)),
        text_cell(report.message),
    ]


def _number(value: float | None) -> str:
    return "" if value is None else repr(float(value))
