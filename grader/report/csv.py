"""gradebook.csv: one row for each submission, safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from grader.report.schema import Report
from grader.report.text import one_line

HEADER = ("student", "name", "email", "verdict", "raw_points", "late_penalty", "points", "max_points", "message")
# A spreadsheet runs a cell that begins so as a formula; the last four are full-width forms that some accept as well.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")
MESSAGE = 500


def header() -> str:
    return _line(HEADER)


def row(report: Report) -> str:
    """The report's line. Points have all their digits; those that the grader owes are empty cells."""
    return _line(
        (
            *(text_cell(text) for text in (report.student, report.name, report.email)),
            report.verdict,
            *(_number(value) for value in (report.raw_points, report.late_penalty, report.points, report.max_points)),
            text_cell(report.message),
        )
    )


def text_cell(text: str, limit: int = MESSAGE) -> str:
    """Text of a student for one CSV cell: one line, and never a formula."""
    shown = one_line(text, limit)
    return f"'{shown}" if text.startswith(FORMULA) or shown.startswith(FORMULA) else shown


def _line(cells: Sequence[str]) -> str:
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n").writerow(cells)
    return out.getvalue()


def _number(value: float | None) -> str:
    return "" if value is None else repr(float(value))
