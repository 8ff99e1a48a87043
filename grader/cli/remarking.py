"""The command that marks a batch again under a changed rubric, without running anything."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from grader import rubric as rubrics
from grader.attempts import student_of
from grader.cli.options import DEFAULT_RUBRIC, JsonOption, QuietOption, RubricOption, given_path, home_of
from grader.cli.steps import decisions, write_reports
from grader.cli.stored import Stored
from grader.cli.terminal import PlainConsole, answering, cell, print_json, tell
from grader.errors import UsageError
from grader.ledger import Ledger
from grader.marking import Total, total
from grader.records import Batch
from grader.report.schema import ChangeReport, MoveReport, Remarked, to_json
from grader.rubric import NEEDS_A_RUN, Rubric, differing, value_at
from grader.yamlfile import Section

SAME = 5e-10  # points that differ by less are the same: rounding


@dataclass(frozen=True, slots=True)
class Move:
    """One student's points before and after, None while the grader owes them, and what made the difference."""

    student: str
    before: float | None
    after: float | None
    why: str


def remark(
    out: Annotated[Path, typer.Argument(help="The folder of a batch's reports.", metavar="OUT", parser=given_path)],
    rubric: RubricOption = DEFAULT_RUBRIC,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Apply a changed rubric to a batch's stored measurements without running any submission, and print who moved.

    Example: grade.py remark reports/
    Example: grade.py remark reports/ --rubric other.yaml --json
    """
    rules = rubrics.load(rubric)
    if not (out / "ledger.sqlite").is_file():
        raise UsageError(f"{out}: holds no ledger.sqlite, expected a folder that 'grade.py batch' has written")
    with Ledger(out) as ledger:
        batch = ledger.batch()
        if batch is None:
            raise UsageError(f"{out}: holds no batch that this version can read; run 'grade.py batch' with --out {out} first")
        before = _rubric_of(batch, out)
        changed = differing(before, rules)
        _refuse_what_needs_a_run(changed, before, rules, rubric, out)
        again = replace(
            batch,
            rubric=rules.model_dump_json(),
            adjustments=decisions(rubric, rules, batch.students).to_json(),
            leaderboard=batch.leaderboard and rules.feedback.class_comparison,
        )
        stored, earlier = (Stored.of(ledger, *one, home_of(rubric)) for one in ((again, rules), (batch, before)))
        _refuse_attempts_that_were_not_run(stored, rubric, out)
        with answering():
            moves = list(_moves(stored, earlier))
            if as_json:
                print_json(to_json(_remarked(moves, changed, before, rules, batch)))
            else:
                _print_moves(moves, changed, before, rules, batch)
        write_reports(out, stored, stored.about(), home_of(rubric), quiet)
        ledger.open_batch(again)  # last: what is stopped before is marked again from the same start


def _rubric_of(batch: Batch, out: Path) -> Rubric:
    try:
        return Rubric.model_validate_json(batch.rubric)
    except ValidationError:  # an earlier version took what this one refuses
        raise UsageError(f"{out}: was marked by a rubric that this version refuses; run 'grade.py batch' again") from None


def _refuse_what_needs_a_run(changed: list[str], before: Rubric, after: Rubric, rubric: Path, out: Path) -> None:
    if keys := [key for key in changed if key.partition(".")[0] in NEEDS_A_RUN]:
        key = keys[0]
        more = f" ({', '.join(keys[1:])} differ as well)" if keys[1:] else ""
        now, then = _shown(value_at(after, key)), _shown(value_at(before, key))
        raise UsageError(
            f"{rubric}: {key} is {now}, but {out} was measured under {then}{more}; "
            "no stored measurement can answer that: set it back, or run 'grade.py batch' again"
        )


def _refuse_attempts_that_were_not_run(stored: Stored, rubric: Path, out: Path) -> None:
    for graded in stored.graded(whole=False) if stored.rules.attempts != "newest" else ():
        student, attempt = graded.upload.student, graded.upload.attempt
        if attempt and stored.attempts[student] == student_of(student):  # an attempt under an id that has no number
            raise UsageError(
                f"{rubric}: attempts is {stored.rules.attempts}, but of {student!r} only the newest attempt ({attempt}) was run; "
                "set it back, or run 'grade.py batch' again"
            )


def _moves(stored: Stored, earlier: Stored) -> Iterator[Move]:
    for graded in stored.graded(whole=False):
        student = graded.upload.student
        another = earlier.attempts.get(student, stored.attempts[student]) != stored.attempts[student]
        was = (earlier.one(student, whole=False) if another else None) or graded
        old, new = (
            total(one.rules, found, one.reference, one.adjustments.of(student))
            for one, found in ((earlier, was), (stored, graded))
        )
        if _differ(old.points, new.points):
            yield Move(student, old.points, new.points, "another attempt counts" if another else _why(old, new))


def _differ(a: float | None, b: float | None) -> bool:
    return (a is None) != (b is None) or (a is not None and b is not None and abs(a - b) > SAME)


def _why(old: Total, new: Total) -> str:
    reasons = []
    if _differ(old.scale, new.scale):
        reasons.append(f"score: {_points(old.scale)} to {_points(new.scale)}")
    marks = [{mark.criterion: mark for mark in one.marks} for one in (old, new)]
    for name in dict.fromkeys([*marks[0], *marks[1]]):
        was, now = (mark.points if (mark := one.get(name)) else 0.0 for one in marks)
        if _differ(was, now):
            reasons.append(f"{name}: {_points(was)} to {_points(now)}")
    if _differ(old.late_penalty, new.late_penalty):
        reasons.append(f"late penalty: {_points(old.late_penalty)} to {_points(new.late_penalty)}")
    if old.override != new.override:
        reasons.append(f"set by {new.override.author}: {new.override.reason}" if new.override else "no longer set by a person")
    return "; ".join(reasons)


def _remarked(moves: list[Move], changed: list[str], before: Rubric, after: Rubric, batch: Batch) -> Remarked:
    return Remarked(
        rubric_digest=after.digest,
        changed=[ChangeReport(key=key, before=value_at(before, key), after=value_at(after, key)) for key in changed],
        moves=[MoveReport(student=one.student, before=one.before, after=one.after, why=one.why) for one in moves],
        submissions=len(batch.students),
    )


def _print_moves(moves: list[Move], changed: list[str], before: Rubric, after: Rubric, batch: Batch) -> None:
    console = PlainConsole()
    for key in changed:
        console.print(f"{key}: {_shown(value_at(before, key))} -> {_shown(value_at(after, key))}")
    if not changed and not moves:
        tell("the rubric is the one that these submissions were marked by")
    if moves:
        width = min(32, max(len("student"), *(len(one.student) for one in moves)))
        console.print(f"{'student':{width}}  {'before':>7}  {'after':>7}  {'moved':>7}  why", style="bold")
        for one in moves:
            by = "" if one.before is None or one.after is None else f"{one.after - one.before:+.3f}"
            line = f"{cell(one.student, width):{width}}  {_points(one.before):>7}  {_points(one.after):>7}  {by:>7}  "
            console.print(line + cell(one.why, 300))
    print(f"{len(moves):,} of {len(batch.students):,} submissions moved")


def _points(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _shown(value: object) -> str:
    found = value.model_dump(mode="json") if isinstance(value, Section) else value
    return cell(str(found), 80)
