"""Gradescope's files: a self-check as results.json, and what submission_metadata.json says of the upload.

Source: gradescope/autograder_samples, docs/specs.md and docs/submission_metadata.md. No test is ever hidden: where one is,
students don't see their total.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from grader.report.advice import explain, points_text
from grader.report.checked import Checked
from grader.report.summary import official_run
from grader.report.text import inert, one_line, quoted

NOT_A_GRADE = "This is not a grade: the autograder itself failed. Your instructor can run it again; nothing is needed from you."
NAMES = 300


@dataclass(frozen=True, slots=True)
class Upload:
    """What Gradescope knows of a submission."""

    submitted_at: str | None = None  # ISO 8601 with offset: lateness is judged by it, so that a rerun changes no grade
    name: str = ""  # of all members of a group
    email: str = ""


def read_metadata(text: str) -> Upload:
    """submission_metadata.json; what is missing, empty or of another kind is left out, because a grade must not hang on it."""
    try:
        found = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return Upload()
    if not isinstance(found, dict):
        return Upload()
    listed = found.get("users")
    users = [user for user in listed if isinstance(user, dict)] if isinstance(listed, list) else []
    names, emails = (
        ", ".join(str(user[key]) for user in users if isinstance(user.get(key), str) and user[key]) for key in ("name", "email")
    )
    return Upload(moment(found.get("created_at")), one_line(names, NAMES), one_line(emails, NAMES))


def moment(value: object) -> str | None:
    """A moment as ISO 8601 with its offset; None for anything else, a time without offset too: nobody knows when that was."""
    try:
        when = datetime.datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return when.isoformat() if when and when.tzinfo else None


def results(checked: Checked) -> str:
    """results.json. What the grader owes has a score of 0 in it, because there has to be one, and says that it is no grade."""
    report = checked.report
    owed = report.points is None
    found: dict[str, Any] = {
        "score": 0.0 if owed else report.points,
        "execution_time": report.seconds or 0.0,
        "output": "\n".join(_about(checked)),
        "output_format": "text",
        "test_output_format": "text",
        "test_name_format": "text",
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "tests": list(_tests(checked)),
        "leaderboard": [] if report.verdict != "graded" else _leaderboard(checked),
        "extra_data": {
            "verdict": report.verdict,
            "raw_points": report.raw_points,
            "late_penalty": report.late_penalty,
            "submitted_at": report.submitted_at,
            "sha256": report.sha256,
            "rubric_digest": checked.rubric.digest,
            "isolation": checked.isolation.level,
        },
    }
    return json.dumps(found, indent=2, allow_nan=False) + "\n"


def _about(checked: Checked) -> Iterator[str]:
    report = checked.report
    yield checked.headline
    if report.points is None:
        yield NOT_A_GRADE
    elif report.verdict == "graded":
        yield checked.reason
        if checked.standing:
            yield checked.standing
    if report.late_penalty:
        late = f"{points_text(report.raw_points or 0.0)} points, less {points_text(report.late_penalty)} for lateness"
        yield f"{late} (handed in {report.submitted_at})"
    yield from official_run(checked.rubric)


def _tests(checked: Checked) -> Iterator[dict[str, Any]]:
    report, instance, most = checked.report, checked.instance, checked.rubric.points.max
    earned = [one.points for one in report.instances if one.points is not None]
    complete = len(earned) == len(report.instances)
    yield {
        "number": "1",
        "name": f"sparsity and error on {checked.data}",
        "score": sum(earned) / len(earned) if complete else 0.0,
        "max_score": most,
        "status": "passed" if report.verdict == "graded" else "failed",
        "output": _outcome(checked),
        "visibility": "visible",
        "extra_data": {"sparsity": report.sparsity, "mse": report.mse, "score": report.score},
    }
    for number, mark in enumerate(report.marks, start=2):
        yield {
            "number": str(number),
            "name": f"criterion: {one_line(mark.criterion, NAMES)}",
            "score": mark.points or 0.0,
            "max_score": mark.max_points,
            "output": f"{mark.reason}{' (up to these points, still to be given)' if mark.pending else ''}",
            "visibility": "visible",
        }
    if report.log:  # without a score it is for information only
        cut = "\n(the log was longer: part of it was cut)" if instance.log_truncated else ""
        yield {"name": "what it printed", "status": "passed", "output": quoted(report.log) + cut, "visibility": "visible"}


def _outcome(checked: Checked) -> str:
    report, instance = checked.report, checked.instance
    notes = [f"note: {inert(one_line(note, 500))}" for note in (*report.notes, *instance.notes)]
    if report.verdict == "graded":
        figures = (("sparsity", report.sparsity), ("error", report.mse), ("score", report.score))
        shown = ", ".join(f"{name} {'not finite' if value is None else format(value, '.4g')}" for name, value in figures)
        return "\n".join([shown, *notes])
    words = explain(report.verdict, checked.rubric)
    message = [quoted(report.message)] if report.message and report.verdict != "not_graded" else []
    traceback = [quoted(instance.traceback)] if instance.traceback else []
    return "\n".join([words.meaning, *message, f"What to try: {words.advice}", *traceback, *notes])


def _leaderboard(checked: Checked) -> list[dict[str, Any]]:
    report = checked.report
    shown = (("points", report.points, "desc"), ("sparsity", report.sparsity, "desc"), ("error", report.mse, "asc"))
    return [{"name": name, "value": value, "order": order} for name, value, order in shown if value is not None]
