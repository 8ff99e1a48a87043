"""The commands that grade: batch, check and init."""

from __future__ import annotations

import math
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
    Practice,
    PracticeOption,
    QuietOption,
    RayOption,
    RubricOption,
    WorkersOption,
    home_of,
)
from grader.cli.steps import device_for, grade_all, open_runner, own_files, prepare_task
from grader.cli.terminal import (
    BELOW,
    FAILED,
    PlainConsole,
    answering,
    building,
    cell,
    print_json,
    shown,
    tell,
    waiting,
)
from grader.errors import UsageError
from grader.evaluate import find_device
from grader.ledger import Ledger
from grader.records import PUBLIC, Graded, Isolation, Picture, Upload
from grader.report import advice, build, text, write
from grader.report.rungs import load_ladder
from grader.report.schema import Grades, Report, to_json
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
    ray: RayOption = None,
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
    found_device = device_for(rules, device, ray)
    uploads = _without_reports(intake.find(paths or [Path("submissions")]), out)
    chosen = _chosen(uploads, only)
    with Ledger(out) as ledger:
        problem = prepare_task(rules, rubric, quiet)
        forbidden = (home_of(rubric), out, *own_files(rules, rubric))
        with open_runner(
            rules,
            problem.instances,
            ray=ray,
            workers=workers,
            isolation=isolation,
            device=found_device,
            forbidden=forbidden,
            store=ledger,
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


def check(
    path: Annotated[Path, typer.Argument(help="One submission: a file, a folder or a zip.")],
    rubric: RubricOption = DEFAULT_RUBRIC,
    device: DeviceOption = None,
    isolation: PracticeOption = Practice.best,
    min_points: Annotated[float, typer.Option(help="Exit with 1 below so many points.")] = 0.0,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Check one submission on the public validation data: the same path and limits as the official run.

    Example: grade.py check my_prune.py
    """
    if not math.isfinite(min_points):
        raise UsageError(f"--min-points {min_points}: expected a finite number")
    rules = Rubric() if rubric == DEFAULT_RUBRIC and not rubric.exists() else rubrics.load(rubric)
    found_device = str(find_device(device or rules.device))
    uploads = intake.find([path])
    if len(uploads) != 1:
        raise UsageError(f"{path}: holds {len(uploads)} submissions, expected one; use 'grade.py batch {path}' for several")
    with building(quiet) as progress:
        instance = task.public(rules, rubric.absolute().parent, home_of(rubric), progress)
    forbidden = (home_of(rubric),)
    with batches.open_bench(rules, [instance], isolation=isolation, device=found_device, forbidden=forbidden) as bench:
        with waiting(f"running {uploads[0].name}", quiet):
            graded = pipeline.grade(uploads[0], bench)
        report = build.report(graded, rules, None)
        level = bench.sandbox.isolation
    with answering():
        if as_json:
            print_json(to_json(report))
        else:
            _print_check(report, rules, level)
    if report.verdict == "not_graded":
        raise SystemExit(FAILED)
    if report.verdict != "graded" or (report.points or 0.0) < min_points:
        raise SystemExit(BELOW)


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


def _recalled(uploads: Sequence[Upload], bench: pipeline.Runner) -> list[Graded]:
    """Those that --only left out, as far as they have been graded before."""
    store = bench.store
    assert store is not None  # a batch keeps its outcomes
    every = (pipeline.recall(upload, pipeline.read(upload), bench.conditions, store) for upload in uploads)
    found = [known for known in every if known]
    if len(found) < len(uploads):
        tell(f"{len(uploads) - len(found)} more submissions have no results yet; run without --only to grade them")
    return found


def _report(graded: Sequence[Graded], reference: Graded, rules: Rubric, task_digest: str, bench: pipeline.Runner) -> Grades:
    reports = [build.report(one, rules, reference.outcomes) for one in graded]
    about_reference = build.report(reference, rules, None)
    if about_reference.verdict != "graded":
        tell(f"the reference solution itself is {about_reference.verdict}: {about_reference.message}", style="yellow")
    return build.grades(reports, rules, task_digest, bench.conditions.isolation, dict(bench.environment), about_reference)


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


def _print_check(report: Report, rules: Rubric, isolation: Isolation) -> None:
    points = "-" if report.points is None else f"{report.points:.3f}"
    print(f"{report.verdict}: {points} of {report.max_points:g} points on the public validation data")
    if report.verdict == "graded":
        print(f"sparsity {report.sparsity:.4f}, error {report.mse:.4g}, score {report.score:.4f}")
        print(advice.what_limits(report, rules))
    else:
        print(shown(report.message, 4_000))
        if report.instances[0].traceback:
            print(text.clean(report.instances[0].traceback, 8_000))
    for note in (*report.notes, *report.instances[0].notes):
        print(f"note: {shown(note, 500)}")
    if report.log:
        print("--- what it printed ---")
        print(text.clean(report.log, 8_000).rstrip())
        print("-----------------------")
    if not isolation.layers:
        print("isolation none: nothing kept this code from your files; the result is practice, the official run is confined")
    elif isolation.missing:
        lacking = "; ".join(f"{layer}: {shown(why, 200)}" for layer, why in isolation.missing.items())
        print(f"isolation {isolation.level} ({lacking})")
