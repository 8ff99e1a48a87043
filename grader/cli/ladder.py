"""The commands that look at methods instead of students: calibrate and sweep."""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from grader import intake, ladder, task
from grader import rubric as rubrics
from grader.cli.options import (
    DEFAULT_RUBRIC,
    DeviceOption,
    FreshOption,
    Isolated,
    IsolationOption,
    JsonOption,
    Practice,
    QuietOption,
    RayOption,
    RubricOption,
    WorkersOption,
    given_path,
    home_of,
)
from grader.cli.steps import Where, grade_all, own_files, prepare_task
from grader.cli.terminal import FAILED, PlainConsole, answering, building, cell, print_json, shown, significant, tell
from grader.errors import UsageError
from grader.ledger import Ledger
from grader.opening import must_confine
from grader.records import PUBLIC, Graded, Picture, Upload
from grader.report import build, write
from grader.report.calibration import calibrate as calibrated
from grader.report.calibration import points_under
from grader.report.schema import Calibration, Grades, InstanceReport, Report, Sweep, to_json
from grader.report.sweep import label, swept
from grader.rubric import Rubric

COMPARED = ("global_magnitude", "linear_bridge", "optimal_brain_surgeon_finetuned", "best")
MOST_SETTINGS = 1_000

MethodsArgument = Annotated[
    list[Path] | None,
    typer.Argument(
        help="Methods, or folders of methods (default: the ladder of reference/).", metavar="[PATH]...", parser=given_path
    ),
]
OutOption = Annotated[
    Path, typer.Option("--out", "-o", help="Where table, page and ledger go.", metavar="FOLDER", parser=given_path)
]
AgainstOption = Annotated[
    Path | None,
    typer.Option(help="Another rubric to compare with (default: rubric.yaml, if --rubric is another).", metavar="FILE"),
]


def calibrate(
    paths: MethodsArgument = None,
    out: OutOption = Path("calibration"),
    rubric: RubricOption = DEFAULT_RUBRIC,
    against: AgainstOption = None,
    student_data: Annotated[
        Path | None, typer.Option(help="A batch's reports: shows where its students stand.", metavar="FOLDER")
    ] = None,
    compare: Annotated[
        list[str] | None, typer.Option(help="A method whose weights the page shows side by side; repeatable.", metavar="METHOD")
    ] = None,
    device: DeviceOption = None,
    workers: WorkersOption = None,
    ray: RayOption = None,
    isolation: IsolationOption = Isolated.strict,
    fresh: FreshOption = False,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Run the ladder of reference methods and show what the points scale makes of it.

    Another rubric, as in --rubric other.yaml, is applied to the same measurements: nothing is run again unless its task,
    instances, limits or allow differ.

    Example: grade.py calibrate
    Example: grade.py calibrate --rubric other.yaml
    Example: grade.py calibrate --student-data reports/
    """
    if not ray:  # whose nodes confine
        must_confine()
    rules = rubrics.load(rubric)
    other = _to_compare_with(rubric, against)
    other_rules = rubrics.load(other) if other else None
    _tell_what_needs_a_run(rubric, rules, other, other_rules)
    batch = _batch(student_data) if student_data else None
    where = Where.of(rules, device, workers, ray, isolation)
    uploads = intake.find(paths) if paths else ladder.ladder()
    chosen = _chosen(compare, [upload.student for upload in uploads])
    home = home_of(other or rubric)  # one secret for both, so that their measurements are the same
    with Ledger(out) as ledger:
        problem = prepare_task(rules, other or rubric, quiet)
        forbidden = (home, out, *own_files(rules, rubric))
        with where.open(rules, problem.instances, forbidden, ledger) as bench:
            graded = _in_order(uploads, grade_all(uploads, bench, workers, fresh, quiet, out))
            reports = [build.report(one, rules, None) for one in graded]
            about = build.about(rules, problem.digest, bench.conditions.isolation, bench.environment, None)
        if batch and batch.task_digest != problem.digest:
            tell(
                f"{student_data}: was graded on another task: its students and these rungs don't compare",
                style="yellow",
            )
        students = _points(batch, rules) if batch else None
        found = calibrated(reports, rules, about, against=other_rules, students=students)
        write.write_calibration(out, found, rules, _pictures(chosen, graded, reports), students or (), ladder.REFERENCE)
    with answering():
        if as_json:
            print_json(to_json(found))
        else:
            _print_calibration(found, rules)
            print(f"report: {out / 'calibration.html'}")
    _end_if_owed(reports)


def sweep(
    path: Annotated[Path, typer.Argument(help="One submission: a file, a folder or a zip.", metavar="FILE", parser=given_path)],
    grid: Annotated[
        list[str] | None,
        typer.Option(help="Values of one parameter, combined with those of the other grids; repeatable.", metavar="NAME=V,V..."),
    ] = None,
    point: Annotated[list[str] | None, typer.Option(help="One setting more; repeatable.", metavar="NAME=V,NAME=V...")] = None,
    hidden: Annotated[bool, typer.Option("--hidden", help="For instructors: measure on the hidden data instead.")] = False,
    out: OutOption = Path("sweep"),
    rubric: RubricOption = DEFAULT_RUBRIC,
    device: DeviceOption = None,
    workers: WorkersOption = None,
    ray: RayOption = None,
    isolation: Annotated[Practice | None, typer.Option(help="As for check; strict is the default with --hidden.")] = None,
    fresh: FreshOption = False,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Run prune(model, **parameters) under many settings and find the best, on the public validation data.

    Example: grade.py sweep prune.py --grid eps=0.1,0.01 --grid epochs=30,100
    Example: grade.py sweep prune.py --point eps=0.1,epochs=100
    """
    settings = settings_of(grid or [], point or [])
    rules = rubrics.load(rubric) if hidden or rubric != DEFAULT_RUBRIC or rubric.exists() else Rubric()
    if hidden and isolation is Practice.none:
        raise UsageError("--hidden with --isolation none: hidden data need isolation; use strict or best")
    where = Where.of(rules, device, workers, ray, isolation or (Practice.strict if hidden else Practice.best))
    jobs = _jobs(path, settings)
    with Ledger(out) as ledger:
        instances = prepare_task(rules, rubric, quiet).instances if hidden else (_public(rules, rubric, quiet),)
        forbidden = (home_of(rubric), out, *own_files(rules, rubric))
        with where.open(rules, instances, forbidden, ledger) as bench:
            graded = _in_order(jobs, grade_all(jobs, bench, workers, fresh, quiet, out))
            environment = dict(bench.environment)
        reports = [build.report(one, rules, None) for one in graded]
        data = "hidden" if hidden else "public validation"
        found = swept(settings, reports, rules, data=data, environment=environment)
        write.write_sweep(out, found, rules)
    with answering():
        if as_json:
            print_json(to_json(found))
        else:
            _print_sweep(found)
            print(f"report: {out / 'sweep.html'}")
    _end_if_owed(reports)


# --- what was asked for -----------------------------------------------------------------------------------------------


def settings_of(grids: Sequence[str], points: Sequence[str]) -> list[dict[str, float | int]]:
    """All combinations of the grids' values, then the single points, each once. Raises UsageError with one sentence."""
    axes: dict[str, list[float | int]] = {}
    for text in grids:
        name, values = _assignment(text, f"--grid {text}", "NAME=V,V...")
        if name in axes:
            raise UsageError(f"--grid {text}: {name} has a grid already; name all of its values in one")
        axes[name] = [_number(value, f"--grid {text}") for value in values.split(",")]
    found = [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())] if axes else []
    for text in points:
        single: dict[str, float | int] = {}
        for part in text.split(","):
            name, value = _assignment(part, f"--point {text}", "NAME=V,NAME=V...")
            if name in single:
                raise UsageError(f"--point {text}: {name} stands in it twice")
            single[name] = _number(value, f"--point {text}")
        found.append(single)
    if not found:
        raise UsageError("no settings to try: expected --grid NAME=V,V... or --point NAME=V,NAME=V..., at least once")
    unique = list({label(one): one for one in found}.values())
    if len(unique) > MOST_SETTINGS:
        raise UsageError(f"{len(unique):,} settings: expected at most {MOST_SETTINGS:,}; leave values out of the grids")
    return unique


def _jobs(path: Path, settings: Sequence[dict[str, float | int]]) -> list[Upload]:
    """The one submission at that path, once for each setting."""
    uploads = intake.find([path])
    if len(uploads) != 1:
        raise UsageError(f"{path}: holds {len(uploads)} submissions, expected one to sweep over")
    return [replace(uploads[0], student=label(values), parameters=values) for values in settings]


def _public(rules: Rubric, rubric: Path, quiet: bool) -> task.Instance:
    with building(quiet) as progress:
        return task.public(rules, rubric.absolute().parent, home_of(rubric), progress)


def _assignment(text: str, option: str, expected: str) -> tuple[str, str]:
    name, equals, value = (part.strip() for part in text.partition("="))
    if not equals or not name.isidentifier():
        raise UsageError(f"{option}: expected {expected} with a parameter's name before the '=', found {text!r}")
    if not value:
        raise UsageError(f"{option}: {name} has no values, expected at least one number")
    return name, value


def _number(text: str, option: str) -> float | int:
    try:
        return int(text)
    except ValueError:
        pass
    try:
        value = float(text)
    except ValueError:
        raise UsageError(f"{option}: {text.strip()!r} is not a number") from None
    if not math.isfinite(value):
        raise UsageError(f"{option}: {text.strip()!r} is not a finite number")
    return value


def _to_compare_with(rubric: Path, against: Path | None) -> Path | None:
    if against:
        return against
    is_other = DEFAULT_RUBRIC.exists() and rubric.exists() and not os.path.samefile(rubric, DEFAULT_RUBRIC)
    return DEFAULT_RUBRIC if is_other else None


def _tell_what_needs_a_run(rubric: Path, rules: Rubric, other: Path | None, other_rules: Rubric | None) -> None:
    if other_rules and (keys := [key for key in rubrics.NEEDS_A_RUN if getattr(rules, key) != getattr(other_rules, key)]):
        tell(f"{rubric}: {', '.join(keys)} differ from {other}, so methods are run under them unless that was done before")


def _batch(folder: Path) -> Grades:
    path = folder / "grades.json" if folder.is_dir() else folder
    try:
        return Grades.model_validate_json(path.read_bytes())
    except OSError as error:
        raise UsageError(f"{path}: can't be read: {(error.strerror or str(error)).lower()}; name a folder of reports") from None
    except ValidationError:
        raise UsageError(f"{path}: is not this grader's grades.json, expected a folder that 'grade.py batch' wrote") from None


def _chosen(compare: Sequence[str] | None, names: Sequence[str]) -> list[str]:
    if unknown := [name for name in compare or () if name not in names]:
        raise UsageError(f"--compare {unknown[0]}: no such method; there are {', '.join(names)}")
    known = [name for name in compare or COMPARED if name in names]
    return list(dict.fromkeys(known or names[:4]))


def _pictures(
    chosen: Sequence[str], graded: Sequence[Graded], reports: Sequence[Report]
) -> Mapping[str, tuple[Picture, InstanceReport]]:
    """Of the methods to compare, what the public instance's weights look like."""
    found = {}
    for one, report in zip(graded, reports, strict=True):
        for outcome, instance in zip(one.outcomes, report.instances, strict=True):
            if outcome.instance == PUBLIC and outcome.picture:
                found[report.student] = (outcome.picture, instance)
    return {name: found[name] for name in chosen if name in found}


def _in_order(uploads: Sequence[Upload], finished: Iterable[Graded]) -> list[Graded]:
    done = {graded.upload.student: graded for graded in finished}
    return [done[upload.student] for upload in uploads]


def _points(batch: Grades, rules: Rubric) -> list[float]:
    found = (points_under(rules, one.instances) for one in batch.submissions)
    return [points for points in found if points is not None]


def _end_if_owed(reports: Sequence[Report]) -> None:
    if owed := [report.student for report in reports if report.verdict == "not_graded"]:
        tell(f"not graded: {shown(', '.join(owed), 300)}; run the same command again to retry them", style="red")
        raise SystemExit(FAILED)


# --- what is printed --------------------------------------------------------------------------------------------------


def _print_calibration(found: Calibration, rules: Rubric) -> None:
    console = PlainConsole()
    width = max(len("method"), *(len(cell(one.name, 40)) for one in found.methods))
    compared = any(one.before is not None for one in found.methods)
    head = f"{'method':{width}}  {'points':>7}  {'range':>13}" + f"  {'before':>7}  {'moved':>7}" * compared
    head += f"  {'score':>7}  {'sparsity':>8}  {'error':>8}  {'seconds':>7}" + "  students" * (found.students is not None)
    console.print(head, style="bold")
    for one in found.methods:
        spread = "" if one.lowest is None or one.highest is None else f"{one.lowest:.3f}-{one.highest:.3f}"
        line = f"{cell(one.name, 40):{width}}  {_figure(one.points, '.3f'):>7}  {spread:>13}"
        if compared:
            moved = "" if one.points is None or one.before is None else f"{one.points - one.before:+.3f}"
            line += f"  {_figure(one.before, '.3f'):>7}  {moved:>7}"
        line += f"  {_figure(one.score, '.4f'):>7}  {_figure(one.sparsity, '.4f'):>8}  {_error(one.mse):>8}"
        line += f"  {_figure(one.seconds, '.1f'):>7}" + (f"  {one.students:>8}" if one.students is not None else "")
        reason = f"  {one.verdict}: {shown(one.message, 200)}" if one.verdict != "graded" else ""
        console.print((line + reason).rstrip(), style="yellow" if reason else "")
    if found.students_below:
        console.print(f"{'below every rung':{width}}  {found.students_below} of {found.students} students")
    top, floor = found.full_points, found.no_points
    print(f"full points from a score of {rules.points.upper:g}: {', '.join(top) or 'no method on every instance'}")
    print(f"no points up to a score of {rules.points.lower:g}: {', '.join(floor) or 'no method'}")
    print(f"can't be told apart: {'; '.join(f'{a} and {b}' for a, b in found.indistinct) or 'none'}")
    for tier in found.tiers:
        span = f"{tier.lowest:.3f}" + (f"-{tier.highest:.3f}" if tier.highest - tier.lowest >= 0.0005 else "")
        print(f"tier {span:13} takes {100 * tier.share:4.1f} % of the scale: {', '.join(tier.methods)}")


def _print_sweep(found: Sweep) -> None:
    console = PlainConsole()
    widths = [max(len(name), *(len(str(one.parameters.get(name, "-"))) for one in found.settings)) for name in found.parameters]
    names = "  ".join(f"{name:>{width}}" for name, width in zip(found.parameters, widths, strict=True))
    console.print(f"{names}  {'points':>7}  {'score':>7}  {'sparsity':>8}  {'error':>8}  {'seconds':>7}", style="bold")
    for place, one in enumerate(found.settings):
        values = (str(one.parameters.get(name, "-")) for name in found.parameters)
        line = "  ".join(f"{value:>{width}}" for value, width in zip(values, widths, strict=True))
        line += f"  {_figure(one.points, '.3f'):>7}  {_figure(one.score, '.4f'):>7}  {_figure(one.sparsity, '.4f'):>8}"
        line += f"  {_error(one.mse):>8}  {_figure(one.seconds, '.1f'):>7}"
        if one.verdict != "graded":
            line += f"  {one.verdict}: {shown(one.message, 200)}"
        console.print(line + "  best" * (place == found.best), style="" if one.verdict == "graded" else "yellow")
    if found.best is None:
        print("no setting could be graded")
    else:
        print(f"best on {found.data} data: {label(found.settings[found.best].parameters)}")


def _error(value: float | None) -> str:
    return "-" if value is None else significant(value)


def _figure(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)
