"""A whole batch for GitHub Actions: the step summary and the annotations of the instructor's own workflow."""

from __future__ import annotations

from collections import Counter

from grader.report.github import MOST_ANNOTATIONS, SUMMARY_BYTES, Annotation, cell, points_cell
from grader.report.schema import Grades, Report

MESSAGE = 200


def batch_summary(grades: Grades, room: int = SUMMARY_BYTES) -> str:
    """A table in Markdown of at most ``room`` bytes; where not all rows fit, a sentence says how many are missing."""
    counts = Counter(report.verdict for report in grades.submissions)
    verdicts = ", ".join(f"{count} {verdict}" for verdict, count in counts.most_common())
    head = f"### {len(grades.submissions)} submissions: {verdicts or 'none'}\n\n"
    head += "| student | verdict | points | of | reason |\n| --- | --- | --- | --- | --- |\n"
    left = room - len(head.encode()) - 200  # for the sentence
    rows: list[str] = []
    for report in grades.submissions:
        row = _row(report)
        left -= len(row.encode())
        if left < 0:
            break
        rows.append(row)
    missing = len(grades.submissions) - len(rows)
    note = f"\n{missing} more do not fit here; the reports have all of them.\n" if missing else ""
    return head + "".join(rows) + note if left + 200 >= 0 or rows else ""


def _row(report: Report) -> str:
    cells = (cell(report.student), report.verdict, points_cell(report.points), points_cell(report.max_points))
    return f"| {' | '.join(cells)} | {cell(report.message[:MESSAGE])} |\n"


def batch_annotations(grades: Grades) -> list[str]:
    """Who waits for the grader, ten at most and the last one for the others; a failing reference before them all."""
    found = []
    if grades.reference and grades.reference.verdict != "graded":
        found.append(Annotation("error", "reference", f"the reference solution itself is {grades.reference.verdict}"))
    owed = [report.student for report in grades.submissions if report.verdict == "not_graded"]
    room = MOST_ANNOTATIONS - len(found)
    shown = owed if len(owed) <= room else owed[: room - 1]
    found += [Annotation("error", "not graded", f"{student}: the grader failed; run the workflow again") for student in shown]
    if len(shown) < len(owed):
        found.append(Annotation("error", "not graded", f"and {len(owed) - len(shown)} more; run the workflow again"))
    return [str(one) for one in found]
