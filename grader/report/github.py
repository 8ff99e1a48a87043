"""A self-check for GitHub Actions: annotations, a step summary, step outputs, and Classroom 50's result.json.

The runner obeys lines of a step's output: ``::command::`` at the beginning of one, ``##[command]`` anywhere in it. So a
submission's words go through :mod:`grader.report.text`, and the log stands between a stop-commands pair with a random token.
Sources: docs.github.com, "Workflow commands for GitHub Actions"; the wiki of Classroom 50, "Advanced autograding".
"""

from __future__ import annotations

import datetime
import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from html import escape
from typing import Literal

from grader.report.advice import explain, points_text
from grader.report.checked import Checked
from grader.report.schema import MarkReport
from grader.report.summary import official_run, summary
from grader.report.text import inert, one_line

MOST_ANNOTATIONS = 10  # of one kind and step; GitHub drops the others without a word
SUMMARY_BYTES = 1 << 20  # of one step, what other commands have written included; a larger summary is lost as a whole
SCALE = 100  # Classroom 50 takes whole numbers only
MESSAGE = 2_000


@dataclass(frozen=True, slots=True)
class Annotation:
    """One workflow command that is shown at a line of a file, or at the step."""

    level: Literal["error", "warning", "notice"]
    title: str
    message: str
    file: str = ""
    line: int | None = None

    def __str__(self) -> str:
        places = {"file": self.file, "line": str(self.line) if self.line and self.file else "", "title": self.title}
        properties = ",".join(f"{name}={_property(value)}" for name, value in places.items() if value)
        return f"::{self.level} {properties}::{_data(self.message)}"


def step_output(checked: Checked, token: str) -> str:
    """What the step prints: the plain summary, in which no command is obeyed, and the annotations. ``token`` must be random."""
    return f"::stop-commands::{token}\n{summary(checked)}::{token}::\n" + "".join(f"{one}\n" for one in annotation_lines(checked))


def annotation_lines(checked: Checked) -> list[str]:
    """At most ten workflow commands, the most important first: each shown at a line of the student's file, or at the step."""
    return [str(one) for one in list(_annotations(checked))[:MOST_ANNOTATIONS]]


def _annotations(checked: Checked) -> Iterator[Annotation]:
    report, instance, file = checked.report, checked.instance, checked.entry or ""
    if report.verdict == "graded":
        yield Annotation("error" if checked.shortfall else "notice", checked.headline, checked.shortfall or checked.reason, file)
    else:
        title = f"{report.verdict}: {explain(report.verdict, checked.rubric).title.lower()}"
        yield Annotation("error", title, inert(report.message)[:MESSAGE] or title, file, instance.line)
    for mark in report.marks:
        if not mark.pending and mark.points is not None and mark.points < mark.max_points:
            yield Annotation("notice", f"criterion {mark.criterion}", mark.reason, file)
    for note in (*report.notes, *instance.notes):
        yield Annotation("warning", "note", inert(note)[:MESSAGE], file)


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def step_summary(checked: Checked, room: int = SUMMARY_BYTES) -> str:
    """Markdown of at most ``room`` bytes of UTF-8; where the log does not fit, a sentence says so; empty where nothing fits."""
    short = _markdown(checked)
    for text in (_markdown_with_log(short, checked.report.log, room), short):
        if len(text.encode()) <= room:
            return text
    return ""


def _markdown(checked: Checked) -> str:
    report = checked.report
    parts = [f"### {checked.headline}\n"]
    if report.verdict == "graded":
        figures = (report.sparsity, report.mse, report.score)
        cells = " | ".join("–" if value is None else f"{value:.4g}" for value in figures)
        parts.append(f"{checked.reason}\n\n| sparsity | error | score |\n| --- | --- | --- |\n| {cells} |\n")
        parts += [f"{_html(checked.standing)}\n"] * bool(checked.standing)
    else:
        words = explain(report.verdict, checked.rubric)
        parts.append(f"{words.meaning}\n\n{_pre(report.message)}\n**What to try:** {words.advice}\n")
        parts += [_pre(checked.instance.traceback)] * bool(checked.instance.traceback)
    if report.marks:
        parts.append("| criterion | points | of | reason |\n| --- | --- | --- | --- |\n" + "".join(map(_row, report.marks)))
    parts += [f"**{checked.shortfall}**\n"] * bool(checked.shortfall)
    parts += [_pre("\n".join(f"note: {note}" for note in notes))] if (notes := [*report.notes, *checked.instance.notes]) else []
    parts.append("".join(f"- {_html(line)}\n" for line in official_run(checked.rubric)))
    return "\n".join(parts)


def _markdown_with_log(short: str, log: str, room: int) -> str:
    """The summary and as much of the end of the log as fits."""
    if not log:
        return short
    head, tail = f"{short}\n<details><summary>What it printed</summary>\n\n", "\n</details>\n"
    whole = head + _pre(log) + tail
    if len(whole.encode()) <= room:
        return whole
    cut = "The log is longer than what GitHub takes here; its end is shown, all of it stands in the step's log.\n\n"
    left = room - len((head + cut + _pre("") + tail).encode())
    kept = max(0, left // 6)  # characters: an escaped one takes at most six bytes
    return head + cut + _pre(log[-kept:] if kept else "") + tail


def _pre(text: str) -> str:
    """A block in which Markdown means nothing, whatever the text holds."""
    return f"<pre>{_html(text)}</pre>\n"


def _html(text: str) -> str:
    return escape(text, quote=False)


def _row(mark: MarkReport) -> str:
    cells = (cell(mark.criterion), points_cell(mark.points), points_text(mark.max_points), cell(mark.reason))
    return f"| {' | '.join(cells)} |\n"


def cell(text: str) -> str:
    return _html(one_line(text, 300)).replace("|", "&#124;").replace("`", "&#96;").replace("*", "&#42;").replace("[", "&#91;")


def points_cell(value: float | None) -> str:
    return "–" if value is None else points_text(value)


def append_summary(path: str, write: Callable[[int], str]) -> None:
    """Append to the file of $GITHUB_STEP_SUMMARY what ``write`` makes of the room that is left in it, in bytes."""
    taken = os.stat(path).st_size if os.path.exists(path) else 0
    append(path, write(SUMMARY_BYTES - taken))


def append(path: str, text: str) -> None:
    with open(path, "a", encoding="utf-8", newline="\n") as file:
        file.write(text)


def outputs(checked: Checked) -> str:
    """Lines for $GITHUB_OUTPUT: ``steps.<id>.outputs.points`` and so on. Each value is one line, so none can set another."""
    report = checked.report
    values = {
        "verdict": report.verdict,
        "passed": "true" if checked.passed else "false",
        "points": "" if report.points is None else repr(report.points),
        "max-points": repr(report.max_points),
        "sparsity": "" if report.sparsity is None else repr(report.sparsity),
        "error": "" if report.mse is None else repr(report.mse),
        "message": inert(one_line(report.message, 500)),
        "status": "pass" if checked.passed else "fail",
        "summary": checked.headline,
    }
    return "".join(f"{name}={value}\n" for name, value in values.items())


# What Classroom 50 gives a grader in its environment -> the field of result.json.
CLASSROOM = {
    "CLASSROOM": "classroom",
    "ASSIGNMENT": "assignment",
    "ASSIGNMENT_TYPE": "assignment_type",
    "OWNER": "owner",
    "SUBMISSION_TAG": "submission",
    "COMMIT_URL": "commit",
    "RELEASE_URL": "release",
    "REVIEW_URL": "review",
}


def classroom_result(checked: Checked, environment: Mapping[str, str]) -> str:
    """result.json of Classroom 50: points in hundredths, because scores are whole numbers there.

    ``datetime`` is that of the commit, so that grading again changes nothing, and the time of grading where nobody named it.
    The score is the sum of the tests', less lateness.
    """
    report = checked.report
    otherwise = {"OWNER": environment.get("USERNAME", ""), "REVIEW_URL": environment.get("COMMIT_URL", "")}
    given = otherwise | {name: value for name, value in environment.items() if value}
    about = {field: given[name] for name, field in CLASSROOM.items() if given.get(name)}
    about.setdefault("assignment_type", "individual")
    earned = sum(one.points or 0.0 for one in report.instances) / len(report.instances)
    scored = [("sparsity and error", report.verdict == "graded", earned, checked.rubric.points.max, checked.reason)]
    for mark in report.marks:
        points = mark.points or 0.0
        scored.append((f"criterion: {mark.criterion}", points >= mark.max_points, points, mark.max_points, mark.reason))
    tests = [
        {"test-name": name, "passed": passed, "score": round(points * SCALE), "max-score": round(most * SCALE), "message": reason}
        for name, passed, points, most, reason in scored
    ]
    points_in_all = sum(round(points * SCALE) for _, _, points, _, _ in scored) - round(report.late_penalty * SCALE)
    totals = {"score": max(0, points_in_all), "max-score": sum(round(most * SCALE) for _, _, _, most, _ in scored)}
    times = {"datetime": _utc(report.submitted_at or report.graded_at), "graded_at": _utc(report.graded_at)}
    known = {name: value for name, value in times.items() if value}
    result = {"schema": "classroom50/result/v1", **about, **known, **totals, "tests": tests}
    return json.dumps(result, indent=2, ensure_ascii=False) + "\n"


def _utc(moment: str | None) -> str:
    """A moment of a report as Classroom 50 writes them: UTC, to the second."""
    if not moment:
        return ""
    return datetime.datetime.fromisoformat(moment).astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
