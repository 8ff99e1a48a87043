"""The command export: results back into the files of a learning management system."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from grader.cli.options import given_path
from grader.cli.terminal import BELOW, answering, counted, shown, tell
from grader.errors import UsageError
from grader.export import canvas, feedback, moodle, table
from grader.export.feedback import Feedback
from grader.export.filled import Filled
from grader.export.replacing import replacing
from grader.report import anonymous, csv
from grader.report.schema import Grades, Report

STDOUT = Path("-")


class Target(StrEnum):
    canvas = "canvas"
    moodle = "moodle"
    csv = "csv"


def export(
    out: Annotated[
        Path, typer.Argument(help="What 'batch' wrote: its folder, or the grades.json in it.", metavar="OUT", parser=given_path)
    ],
    to: Annotated[Target, typer.Argument(help="Whose file: canvas, moodle, or csv for a plain table.")],
    gradebook: Annotated[Path | None, typer.Option(help="Canvas: the gradebook, as exported there.", metavar="FILE")] = None,
    worksheet: Annotated[
        Path | None, typer.Option(help="Moodle: the grading worksheet, as downloaded there.", metavar="FILE")
    ] = None,
    assignment: Annotated[
        str | None,
        typer.Option(help="Which column, by its title or (Canvas) its id; needed where there are several.", metavar="TITLE"),
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The new table; - for stdout.", metavar="FILE")] = None,
    feedback_zip: Annotated[
        Path | None, typer.Option("--feedback", help="Also, or only, a zip of each student's report.", metavar="FILE.zip")
    ] = None,
    scale: Annotated[bool, typer.Option("--scale", help="Scale the points to the maximum of the column.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Let -o be the very file that was given.")] = False,
) -> None:
    """Put grades and reports back into Canvas or Moodle, in the files that these gave.

    Canvas: export the gradebook, have its column filled, import it. Moodle: download the grading worksheet, have it filled,
    upload it. Only the cells of students change whose submission is found for certain: by the id in the name of its file, by
    e-mail, by login or by whole name. Excused students (EX), locked rows and submissions that the grader still owes a result
    stay as they are. All that could not be placed is listed on stderr.

    Exit status: 0 every result is in the file, 1 the file is written but somebody's result is not in it, 2 wrong usage or input.

    Example: grade.py export reports/ canvas --gradebook Grades.csv -o filled.csv
    Example: grade.py export reports/ moodle --worksheet Grades.csv -o filled.csv
    Example: grade.py export reports/ moodle --feedback feedback.zip
    Example: grade.py export reports/ csv -o -
    """
    table_from = _source(to, gradebook, worksheet)
    _check_outputs(to, table_from, output, feedback_zip, overwrite)
    grades = read_grades(out)
    complete = True
    if output is not None:
        if to is Target.csv:
            _write(output, "".join([csv.header(), *map(csv.row, grades.submissions)]).encode("utf-8"))
            said = counted(len(grades.submissions), "submission")
        else:
            filled = _filled(to, table_from, grades, assignment, scale)
            _write(output, filled.data)
            _tell_about(filled)
            complete = filled.is_complete
            said = _summary(filled)
        if output != STDOUT:
            with answering():
                print(f"{output}: {said}")
    if feedback_zip is not None:
        complete = _write_feedback(to, table_from, grades.submissions, out, feedback_zip) and complete
    if not complete:
        raise SystemExit(BELOW)


def read_grades(out: Path) -> Grades:
    """The grades.json in OUT, with the persons of a batch that was marked blind. Raises UsageError with one sentence."""
    path = out / "grades.json" if out.is_dir() else out
    identities = path.with_name(anonymous.FILE)
    try:
        grades = Grades.model_validate_json(path.read_bytes())
        return anonymous.restored(grades, identities.read_text(encoding="utf-8")) if identities.exists() else grades
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UsageError(f"{path}: can't be read: {reason}; expected a folder that 'grade.py batch' wrote") from None
    except ValidationError:
        raise UsageError(f"{path}: is not this grader's grades.json, expected a folder that 'grade.py batch' wrote") from None


def _source(to: Target, gradebook: Path | None, worksheet: Path | None) -> Path | None:
    """The LMS's own file, and a complaint about one of the other LMS."""
    needed, other = {
        Target.canvas: (gradebook, worksheet),
        Target.moodle: (worksheet, gradebook),
        Target.csv: (None, gradebook or worksheet),
    }[to]
    if other is not None:
        takes = {Target.canvas: "--gradebook", Target.moodle: "--worksheet", Target.csv: "neither --gradebook nor --worksheet"}
        raise UsageError(f"export to {to} takes {takes[to]}; {other} was named with the option of another")
    return needed


def _check_outputs(to: Target, table_from: Path | None, output: Path | None, feedback_zip: Path | None, overwrite: bool) -> None:
    if output is None and feedback_zip is None:
        raise UsageError("nothing to write: name the new table with -o FILE" + (", or --feedback FILE.zip" * (to != "csv")))
    if to is Target.csv and feedback_zip is not None:
        raise UsageError("--feedback is for canvas and moodle, whose uploads know students by the names in the zip")
    if output is not None and to is not Target.csv and table_from is None:
        option = "--gradebook with the gradebook" if to is Target.canvas else "--worksheet with the grading worksheet"
        raise UsageError(f"export to {to} fills in a file of yours: name it by {option} as downloaded, or leave -o away")
    if table_from and output and not overwrite and _same(table_from, output):
        raise UsageError(f"{output}: is the file that was given; name another with -o, or say --overwrite")
    if feedback_zip and any(one and _same(one, feedback_zip) for one in (table_from, output)):
        raise UsageError(f"{feedback_zip}: can't be both the table and the zip; name another with --feedback")


def _same(first: Path, second: Path) -> bool:
    try:
        return os.path.samefile(first, second)
    except OSError:  # one of them is not there yet
        return first.absolute() == second.absolute()


def _filled(to: Target, table_from: Path | None, grades: Grades, assignment: str | None, scale: bool) -> Filled:
    assert table_from is not None  # checked with the outputs
    fill = canvas.filled if to is Target.canvas else moodle.filled
    return fill(table_from, grades, assignment, scale=scale)


def _write(path: Path, data: bytes) -> None:
    if path == STDOUT:
        with answering():
            sys.stdout.buffer.write(data)
        return
    with replacing(path) as file:
        file.write(data)


def _tell_about(filled: Filled) -> None:
    for warning in filled.warnings:
        tell(warning, style="yellow")
    for report, reason in filled.kept:
        tell(f"{_who(report)}: left as it is, {reason}")
    for report in filled.owed:
        tell(f"{_who(report)}: not graded yet, left as it is; run 'grade.py batch' again", style="yellow")
    for report, reason in filled.placed.unplaced:
        tell(f"{_who(report)}: not placed, {reason}", style="yellow")


def _summary(filled: Filled) -> str:
    replaced = f", of which {filled.replaced} held another" if filled.replaced else ""
    said = f"{counted(filled.written, 'grade')} in {filled.column.title!r}{replaced}"
    others = {
        "without a submission": filled.empty_rows,
        "left as they were": len(filled.kept),
        "not graded yet": len(filled.owed),
        "not placed": len(filled.placed.unplaced),
    }
    return "; ".join([said, *(f"{count} {words}" for words, count in others.items() if count)])


def _write_feedback(to: Target, table_from: Path | None, reports: Sequence[Report], out: Path, path: Path) -> bool:
    """Has everybody's report found its name?"""
    found = _feedback(to, table_from, reports)
    if not found.members:
        raise UsageError(f"{path}: would be empty: no submission has a name that {to.capitalize()} gives to downloads")
    with replacing(path, "--feedback") as file:
        feedback.write(file, out if out.is_dir() else out.parent, found)
    for report, reason in found.left_out:
        tell(f"{_who(report)}: no report in {path.name}, {reason}", style="yellow")
    with answering():
        print(f"{path}: {counted(len(found.members), 'report')}, {path.stat().st_size / 1e6:.1f} MB")
    return not found.left_out


def _feedback(to: Target, table_from: Path | None, reports: Sequence[Report]) -> Feedback:
    if to is Target.canvas:
        return feedback.for_canvas(reports)
    return feedback.for_moodle(reports, moodle.participants(table.read(table_from), table_from) if table_from else None)


def _who(report: Report) -> str:
    return shown(report.student if report.name in ("", report.student) else f"{report.student} ({report.name})", 120)
