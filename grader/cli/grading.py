"""The commands of instructors that grade: batch and init."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from grader import pipeline
from grader import rubric as rubrics
from grader.adjustments import Adjustments
from grader.cli.options import (
    DEFAULT_RUBRIC,
    DeviceOption,
    FreshOption,
    Isolated,
    IsolationOption,
    JsonOption,
    QuietOption,
    RayOption,
    RubricOption,
    TrainingOption,
    WorkersOption,
    given_path,
    home_of,
    training_device,
)
from grader.cli.steps import Where, decisions, grade_all, handed_in, own_files, prepare_task, write_reports
from grader.cli.stored import Stored
from grader.cli.table import print_table
from grader.cli.terminal import (
    FAILED,
    answering,
    counted,
    print_json,
    shown,
    tell,
)
from grader.errors import UsageError
from grader.ladder import grade_reference
from grader.ledger import REFERENCE, Ledger
from grader.opening import must_confine
from grader.records import Batch, Upload
from grader.report.schema import About, Prepared, grades_json, to_json
from grader.rubric import Rubric


def batch(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Submissions, or folders of submissions.", metavar="[PATH]...", parser=given_path)
    ] = None,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Where reports and the ledger go.", metavar="FOLDER", parser=given_path)
    ] = Path("reports"),
    rubric: RubricOption = DEFAULT_RUBRIC,
    device: DeviceOption = None,
    workers: WorkersOption = None,
    ray: RayOption = None,
    isolation: IsolationOption = Isolated.strict,
    fresh: FreshOption = False,
    only: Annotated[list[str] | None, typer.Option(help="Grade this student alone; repeatable.", metavar="STUDENT")] = None,
    roster: Annotated[
        Path | None, typer.Option(help="Who is in the course: roster.csv with id, name, email, ...", metavar="FILE")
    ] = None,
    standalone: Annotated[bool, typer.Option("--standalone", help="Each page as one file, for mail and LMS.")] = False,
    leaderboard: Annotated[
        bool, typer.Option("--leaderboard", help="Write leaderboard.html for students: pseudonyms and points.")
    ] = False,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Grade submissions on the hidden data and write reports.

    Example: grade.py batch submissions/ -o reports/
    Example: grade.py batch canvas.zip --roster roster.csv
    Example: grade.py batch submissions/ --only ada --fresh
    """
    if not ray:  # whose nodes confine
        must_confine()
    rules = rubrics.load(rubric)
    if leaderboard and not rules.feedback.class_comparison:
        raise UsageError(f"--leaderboard: {rubric} has feedback.class_comparison false; students may not see the class's points")
    where = Where.of(rules, device, workers, ray, isolation)
    uploads = handed_in(paths or [Path("submissions")], roster, rules.attempts)
    _refuse_out_among(uploads, out)
    chosen = _chosen(uploads, only)
    given = decisions(rubric, rules, [upload.student for upload in uploads])
    with Ledger(out) as ledger:
        problem = prepare_task(rules, rubric, quiet)
        forbidden = (home_of(rubric), out, *own_files(rules, rubric))
        with where.open(rules, problem.instances, forbidden, ledger) as bench:
            students = tuple(upload.student for upload in uploads)
            record = _record(students, rules, given, bench, problem.digest, standalone=standalone, leaderboard=leaderboard)
            ledger.open_batch(record)
            ledger.record(grade_reference(bench), record, REFERENCE)
            graded_now = {upload.student for upload in chosen}
            _recall([upload for upload in uploads if upload.student not in graded_now], bench, ledger, record)
            for graded in grade_all(chosen, bench, workers, fresh, quiet, out):
                ledger.record(graded, record)
        stored = Stored.of(ledger, record, rules, home_of(rubric))
        about = stored.about()
        write_reports(out, stored, about, home_of(rubric), quiet)
        _answer(stored, about, out, as_json)


def init(
    rubric: RubricOption = DEFAULT_RUBRIC,
    device: TrainingOption = None,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Create the secret, the hidden data and the hidden models; batch does so by itself the first time.

    Models that a GPU has trained are others than a CPU's, and so another task: its grades don't compare with the other's.

    Example: grade.py init
    Example: grade.py init --device cuda
    """
    rules = rubrics.load(rubric)
    trained_on = training_device(device)
    problem = prepare_task(rules, rubric, quiet, trained_on)
    home, names = home_of(rubric), [instance.name for instance in problem.instances]
    with answering():
        if as_json:
            print_json(to_json(Prepared(task_digest=problem.digest, instances=names, home=str(home))))
        else:
            print(f"{counted(len(names), 'instance')} ready in {home} (task {problem.digest[:12]})")
            if trained_on != "cpu":
                print(f"hidden models that were missing were trained on {trained_on}; a CPU would have made another task of them")
            print("keep that folder to yourself: it holds the secret that the hidden data come from")


def _record(
    students: tuple[str, ...],
    rules: Rubric,
    given: Adjustments,
    bench: pipeline.Runner,
    task_digest: str,
    *,
    standalone: bool,
    leaderboard: bool,
) -> Batch:
    return Batch(
        students=students,
        conditions=bench.conditions.digest,
        instances=tuple(bench.conditions.instances),
        rubric=rules.model_dump_json(),
        task_digest=task_digest,
        environment=bench.environment,
        isolation=bench.conditions.isolation,
        adjustments=given.to_json(),
        standalone=standalone,
        leaderboard=leaderboard,
    )


def _answer(stored: Stored, about: About, out: Path, as_json: bool) -> None:
    """What a batch prints, and its end where the grader owes somebody a result."""
    with answering():
        if as_json:
            for piece in grades_json(about, stored):
                print_json(piece)
        else:
            print_table(stored, about)
            print(f"report: {out / 'index.html'}")
    owed = [one.upload.student for one in stored.graded(whole=False) if one.verdict == "not_graded"]
    if owed:
        tell(f"not graded: {shown(', '.join(owed), 300)}; run the same command again to retry them", style="red")
        raise SystemExit(FAILED)


def _chosen(uploads: Sequence[Upload], only: Sequence[str] | None) -> list[Upload]:
    if not only:
        return list(uploads)
    known = {upload.student for upload in uploads}
    if unknown := [student for student in only if student not in known]:
        near = ", ".join(sorted(known)[:8])
        raise UsageError(f"--only {unknown[0]}: no such student; there are {near}{', ...' if len(known) > 8 else ''}")
    wanted = set(only)
    return [upload for upload in uploads if upload.student in wanted]


def _refuse_out_among(uploads: Sequence[Upload], out: Path) -> None:
    """Raises UsageError where reports would become a part of a submission, or submissions themselves.

    In a folder beside submissions they are left out of the next batch; see :func:`grader.beside.holds_reports`.
    """
    place = out.resolve()
    for upload in uploads:
        if place == (upload.path if upload.parts else upload.path.parent):
            raise UsageError(f"{out}: holds submissions, and reports would become some; name another folder with --out")
        if not upload.parts and place.is_relative_to(upload.path):
            raise UsageError(f"{out}: lies in the submission {upload.student!r}; name another folder with --out")


def _recall(uploads: Sequence[Upload], bench: pipeline.Runner, ledger: Ledger, record: Batch) -> None:
    """Those that --only left out, as far as they have been graded before."""
    owed = 0
    for upload in uploads:
        if known := pipeline.recall(upload, pipeline.read(upload), bench.conditions, ledger):
            ledger.record(known, record)
        else:
            ledger.forget(upload.student)
            owed += 1
    if owed:
        have = "has no result" if owed == 1 else "have no results"
        tell(f"{owed:,} more submission{'s' * (owed != 1)} {have} yet; run without --only to grade them")
