"""The commands of instructors that grade: batch and init."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from grader import batch as batches
from grader import intake, pipeline, task
from grader import rubric as rubrics
from grader.cli.options import (
    DEFAULT_RUBRIC,
    DeviceOption,
    FreshOption,
    Isolated,
    IsolationOption,
    JsonOption,
    QuietOption,
    RubricOption,
    WorkersOption,
    home_of,
)
from grader.cli.steps import grade_all, own_files, prepare_task
from grader.cli.terminal import (
    FAILED,
    PlainConsole,
    answering,
    cell,
    print_json,
    shown,
    tell,
)
from grader.errors import UsageError
from grader.evaluate import find_device
from grader.ledger import Ledger
from grader.records import PUBLIC, Graded, Picture, Upload
from grader.report import build, write
from grader.report.rungs import load_ladder
from grader.report.schema import Grades, to_json
from grader.report.student_page import Gallery
from grader.rubric import Rubric


def batch(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Submissions, or folders of submissions.", metavar="[PATH]...")
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="Where reports and the ledger go.", metavar="FOLDER")] = Path(
        "reports"
    ),
    rubric: RubricOption = DEFAULT_RUBRIC,
    device: DeviceOption = None,
    workers: WorkersOption = None,
    isolation: IsolationOption = Isolated.strict,
    fresh: FreshOption = False,
    only: Annotated[list[str] | None, typer.Option(help="Grade this student alone; repeatable.", metavar="STUDENT")] = None,
    standalone: Annotated[bool, typer.Option("--standalone", help="Each page as one file, for mail and LMS.")] = False,
    leaderboard: Annotated[
        bool, typer.Option("--leaderboard", help="Write leaderboard.html for students: pseudonyms and points.")
    ] = False,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Grade submissions on the hidden data and write reports.

    Example: grade.py batch submissions/ -o reports/
    """
    rules = rubrics.load(rubric)
    if leaderboard and not rules.feedback.class_comparison:
        raise UsageError(f"--leaderboard: {rubric} has feedback.class_comparison false; students may not see the class's points")
    found_device = str(find_device(device or rules.device))
    uploads = _without_reports(intake.find(paths or [Path("submissions")]), out)
    chosen = _chosen(uploads, only)
    with Ledger(out) as ledger:
        problem = prepare_task(rules, rubric, quiet)
        forbidden = (home_of(rubric), out, *own_files(rules, rubric))
        with batches.open_bench(
            rules, problem.instances, isolation=isolation, device=found_device, forbidden=forbidden, store=ledger
        ) as bench:
            reference = batches.grade_reference(bench)
            graded = grade_all(chosen, bench, workers, fresh, quiet, out)
            graded += _recalled([upload for upload in uploads if upload not in chosen], bench)
            grades = _report(graded, reference, rules, problem.digest, bench)
        write.write_batch(
            out,
            grades,
            rules,
            _gallery(graded, reference),
            load_ladder(task.reference_folder(), rules),
            standalone=standalone,
            pseudonym_key=task.pseudonym_key(home_of(rubric)) if leaderboard else None,
        )
    with answering():
        if as_json:
            print_json(to_json(grades))
        else:
            _print_table(grades)
            print(f"report: {out / 'index.html'}")
    owed = [report.student for report in grades.submissions if report.verdict == "not_graded"]
    if owed:
        tell(f"not graded: {shown(', '.join(owed), 300)}; run the same command again to retry them", style="red")
        raise SystemExit(FAILED)


def init(
    rubric: RubricOption = DEFAULT_RUBRIC,
    quiet: QuietOption = False,
) -> None:
    """Create the secret, the hidden data and the hidden models; batch does so by itself the first time.

    Example: grade.py init
    """
    rules = rubrics.load(rubric)
    problem = prepare_task(rules, rubric, quiet)
    print(f"{len(problem.instances)} instances ready in {home_of(rubric)} (task {problem.digest[:12]})")
    print("keep that folder to yourself: it holds the secret that the hidden data come from")


def _chosen(uploads: Sequence[Upload], only: Sequence[str] | None) -> list[Upload]:
    if not only:
        return list(uploads)
    known = {upload.student for upload in uploads}
    if unknown := [student for student in only if student not in known]:
        near = ", ".join(sorted(known)[:8])
        raise UsageError(f"--only {unknown[0]}: no such student; there are {near}{', ...' if len(known) > 8 else ''}")
    return [upload for upload in uploads if upload.student in set(only)]


def _without_reports(uploads: Sequence[Upload], out: Path) -> list[Upload]:
    """Leaves out the reports of an earlier batch that lie among the submissions. Raises UsageError for OUT in a submission."""
    place = out.resolve()
    earlier = (place / "ledger.sqlite").exists()
    kept = [upload for upload in uploads if not (earlier and upload.path == place)]
    for upload in kept:
        if place.is_relative_to(upload.path):
            raise UsageError(f"{out}: lies in the submission {upload.student!r}; name another folder with --out")
        if place == upload.path.parent:
            raise UsageError(f"{out}: holds submissions, and reports would become some; name another folder with --out")
    if not kept:
        raise UsageError(f"{out}: holds reports, expected submissions; name a folder of submissions, and reports with --out")
    return kept


def _recalled(uploads: Sequence[Upload], bench: pipeline.Bench) -> list[Graded]:
    """Those that --only left out, as far as they have been graded before."""
    store = bench.store
    assert store is not None  # a batch keeps its outcomes
    every = (pipeline.recall(upload, pipeline.read(upload), bench.conditions, store) for upload in uploads)
    found = [known for known in every if known]
    if len(found) < len(uploads):
        tell(f"{len(uploads) - len(found)} more submissions have no results yet; run without --only to grade them")
    return found


def _report(graded: Sequence[Graded], reference: Graded, rules: Rubric, task_digest: str, bench: pipeline.Bench) -> Grades:
    reports = [build.report(one, rules, reference.outcomes) for one in graded]
    about_reference = build.report(reference, rules, None)
    if about_reference.verdict != "graded":
        tell(f"the reference solution itself is {about_reference.verdict}: {about_reference.message}", style="yellow")
    return build.grades(
        reports, rules, task_digest, bench.sandbox.isolation, batches.environment(bench.evaluator), about_reference
    )


def _gallery(graded: Sequence[Graded], reference: Graded) -> Gallery:
    """What the weights of the public instance look like; pages have none of hidden ones."""
    drawn = {one.upload.student: _picture(one) for one in graded}
    return Gallery({student: picture for student, picture in drawn.items() if picture}, _picture(reference))


def _picture(graded: Graded) -> Picture | None:
    return next((outcome.picture for outcome in graded.outcomes if outcome.instance == PUBLIC), None)


def _print_table(grades: Grades) -> None:
    console = PlainConsole()
    rows = [*grades.submissions, *([grades.reference] if grades.reference else [])]
    width = min(32, max(len("student"), *(len(row.student) for row in rows)))
    console.print(f"{'student':{width}}  {'verdict':13}  {'points':>12}  {'sparsity':>8}  {'error':>8}  reason", style="bold")
    for row in rows:
        points = "-" if row.points is None else f"{row.points:.3f} of {row.max_points:g}"
        sparsity = "" if row.sparsity is None else f"{row.sparsity:.4f}"
        error = "" if row.mse is None else f"{row.mse:.4g}"
        line = f"{cell(row.student, width):{width}}  {row.verdict:13}  {points:>12}  {sparsity:>8}  {error:>8}  "
        room = max(20, console.width - len(line)) if console.is_terminal else 300
        style = "dim" if row is grades.reference else "" if row.verdict == "graded" else "yellow"
        console.print((line + cell(row.message, room)).rstrip(), style=style)
