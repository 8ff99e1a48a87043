"""The command of students and CI: check one submission on data that everybody may see, and say so in many formats."""

from __future__ import annotations

import math
import os
import secrets
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from grader import intake, owndata, pipeline, task
from grader import rubric as rubrics
from grader.cli import watching
from grader.cli.options import (
    DEFAULT_RUBRIC,
    DeviceOption,
    JsonOption,
    Practice,
    PracticeOption,
    QuietOption,
    RubricOption,
    WatchOption,
    device_of,
    given_path,
    home_of,
)
from grader.cli.steps import tell_of_missing_packages
from grader.cli.terminal import BELOW, DONE, FAILED, answering, building, print_json, tell, waiting
from grader.errors import GraderError, UsageError, unwritable
from grader.ladder import grade_reference
from grader.opening import open_bench
from grader.records import Failure, Graded, Submission, Upload
from grader.report import build, github, gitlab, gradescope
from grader.report.checked import VALIDATION, Checked
from grader.report.junit import junit
from grader.report.rungs import load_ladder
from grader.report.schema import About, to_json
from grader.report.student import student_view
from grader.report.student_page import around, rungs_of, standing, student_page
from grader.report.summary import summary
from grader.report.write import write_text
from grader.rubric import Rubric
from grader.task import Split

SAMPLES = "hidden samples of the public model's test data"
_LATER = "the verdict is printed: make room and check again for the file"  # there is no ledger that would keep it


class Format(StrEnum):
    text = "text"
    json = "json"
    github = "github"
    gitlab = "gitlab"
    gradescope = "gradescope"
    junit = "junit"


@dataclass(frozen=True, slots=True)
class _Result:
    """A check, and what its page needs besides."""

    checked: Checked
    graded: Graded
    about: About


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What becomes of a check."""

    path: Path
    form: Format
    output: Path | None
    junit_file: Path | None
    html: Path | None
    min_points: float
    samples: Path | None
    quiet: bool

    @property
    def files(self) -> dict[str, Path]:
        """What is to be written, by the option that names it."""
        named = {"-o": self.output, "--junit": self.junit_file, "--html": self.html}
        return {option: path for option, path in named.items() if path}


def check(
    path: Annotated[Path, typer.Argument(help="One submission: a file, a folder or a zip.", parser=given_path)],
    rubric: RubricOption = DEFAULT_RUBRIC,
    device: DeviceOption = None,
    isolation: PracticeOption = Practice.best,
    min_points: Annotated[float, typer.Option(help="Exit with 1 below so many points.")] = 0.0,
    form: Annotated[Format | None, typer.Option("--format", help="What is printed, or written to --output.")] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write it to FILE; the text goes to stderr then.", metavar="FILE")
    ] = None,
    junit_file: Annotated[Path | None, typer.Option("--junit", help="Write JUnit XML, too.", metavar="FILE")] = None,
    html: Annotated[
        Path | None, typer.Option("--html", help="Write the student's page as one file, too.", metavar="FILE")
    ] = None,
    one: Annotated[bool, typer.Option("--one", help="PATH is one submission, whatever the folder holds.")] = False,
    submitted_at: Annotated[
        str | None, typer.Option(help="When it was handed in, such as 2026-05-01T23:59:00+02:00.", metavar="TIME")
    ] = None,
    metadata: Annotated[
        Path | None, typer.Option(help="Gradescope's submission_metadata.json: names, and the time.", metavar="FILE")
    ] = None,
    samples: Annotated[
        Path | None, typer.Option(help="Score on X and Y of this file, not on the public validation data.", metavar="FILE")
    ] = None,
    watch: WatchOption = False,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Check one submission on the public validation data: the same path and limits as the official run.

    On macOS and Windows it is practice: each run is a fresh process that nothing confines (on Linux: PRUNEGRADE_PORTABLE=1).

    Example: grade.py check my_prune.py
    Example: grade.py check my_prune.py --watch
    Example: grade.py check my_prune.py --html report.html
    Example: grade.py check my_prune.py --format junit -o report.xml
    """
    form = _format(form, as_json)
    if not math.isfinite(min_points):
        raise UsageError(f"--min-points {min_points}: expected a finite number")
    rules = Rubric() if rubric == DEFAULT_RUBRIC and not rubric.exists() else rubrics.load(rubric)
    if min_points > rules.max_points:
        raise UsageError(
            f"--min-points {min_points:g}: expected at most {rules.max_points:g}, which is all that the rubric gives"
        )
    names = _named(metadata, submitted_at)
    tell_of_missing_packages(rules)
    wanted = _Wanted(path, form, output, junit_file, html, min_points, samples, quiet)
    _upload(path, one)  # before anything is built for it
    _try_files(wanted)
    with building(quiet) as progress:
        instance = task.public(rules, rubric.absolute().parent, home_of(rubric), progress)
    if samples:
        instance = replace(instance, hidden=Split(*owndata.read_split(samples)))
    forbidden = (home_of(rubric), *([samples] if samples else []))
    found_device = device_of(device, rules)
    with open_bench(rules, [instance], isolation=isolation, device=found_device, forbidden=forbidden) as bench:

        def once() -> int:
            upload = replace(_upload(path, one), submitted_at=names.submitted_at)
            return _once(upload, names, rules, instance.digest, bench, wanted)

        status = watching.follow(path, once, bench.sandbox.stand_by, quiet) if watch else once()
    if status != DONE:
        raise SystemExit(status)


def _once(
    upload: Upload, names: gradescope.Upload, rules: Rubric, task_digest: str, bench: pipeline.Bench, wanted: _Wanted
) -> int:
    """Check it, print the answer, then write everything that is wanted. Returns the exit status."""
    result = _check(upload, names, rules, task_digest, bench, wanted)
    entry = _entry_shown(wanted.path, result.checked.entry)
    checked = replace(result.checked, min_points=wanted.min_points, entry=entry)
    is_told = _answer(checked, wanted)
    try:
        _write_files(checked, result, wanted)
        if wanted.form is Format.github:
            _tell_github(checked, os.environ)
    except (GraderError, UsageError, OSError):
        if not is_told:  # or minutes of work would end in nothing but the complaint
            _print_summary(checked)
        raise
    if checked.report.verdict == "not_graded":
        return FAILED
    return DONE if checked.passed else BELOW


def _try_files(wanted: _Wanted) -> None:
    """Before minutes are spent: raises UsageError for a file that can't be written, GraderError on a full disk."""
    for option, path in wanted.files.items():
        if os.path.lexists(path) and not os.path.isfile(path):
            kind = "a folder" if os.path.isdir(path) else "a device or leads nowhere"
            raise UsageError(f"{path}: is {kind}, expected a file to write; name another with {option}")
        if _is_handed_in(path, wanted):
            raise UsageError(f"{path}: is what was handed in, expected a file to write; name another with {option}")
        trial = path.with_name(f".{path.name}.tmp")  # the name that it is written under first
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            trial.touch()
            trial.unlink()
        except OSError as error:
            raise unwritable(path, error, instead=f"name another file with {option}") from None


def _is_handed_in(path: Path, wanted: _Wanted) -> bool:
    """Whether to write that file would overwrite somebody's work."""
    if any(path.exists() and given and given.exists() and path.samefile(given) for given in (wanted.path, wanted.samples)):
        return True
    is_inside = path.resolve().is_relative_to(wanted.path.resolve())
    return is_inside and path.exists() and path.suffix in (".py", ".ipynb", ".zip")


def _format(form: Format | None, as_json: bool) -> Format:
    if as_json and form not in (None, Format.json):
        raise UsageError(f"--json with --format {form}: expected one of the two")
    return Format.json if as_json else form or Format.text


def _upload(path: Path, one: bool) -> Upload:
    if one and path.is_dir():
        place = path.resolve()
        return Upload(student="submission", name=place.name or "submission", source=str(path), path=place)
    uploads = intake.find([path])
    if len(uploads) != 1:
        raise UsageError(
            f"{path}: holds {len(uploads)} submissions, expected one; use 'grade.py batch {path}' for several, "
            "or --one where all of it is one"
        )
    return uploads[0]


def _named(metadata: Path | None, submitted_at: str | None) -> gradescope.Upload:
    """Whose it is and when it was handed in, as far as somebody says so."""
    found = gradescope.Upload()
    if metadata:
        try:
            found = gradescope.read_metadata(metadata.read_text(encoding="utf-8", errors="replace"))
        except OSError as error:  # Gradescope's own tools run without one, too
            tell(f"--metadata {metadata}: can't be read ({error.strerror}); names and time stay unknown", style="yellow")
    if submitted_at is None:
        return found
    when = gradescope.moment(submitted_at)
    if when is None:
        raise UsageError(f"--submitted-at {submitted_at}: expected a time with its offset, such as 2026-05-01T23:59:00+02:00")
    return replace(found, submitted_at=when)


def _check(
    upload: Upload, names: gradescope.Upload, rules: Rubric, task_digest: str, bench: pipeline.Bench, wanted: _Wanted
) -> _Result:
    """Run it, and the reference beside it where a criterion compares the two."""
    samples = wanted.samples
    with waiting(f"running {upload.name}", wanted.quiet):
        submission = pipeline.read(upload)
        graded = replace(pipeline.grade_read(upload, submission, bench), name=names.name, email=names.email)
        compares = any(criterion.kind == "beats_reference" for criterion in rules.criteria)
        reference = grade_reference(bench).outcomes if compares else None
    report, level = build.report(graded, rules, reference), bench.sandbox.isolation
    if samples:
        report = student_view(report, rules)
    about = build.about(rules, task_digest, level, bench.environment, None)
    ladder = load_ladder(task.reference_folder(), rules)
    place = standing(report, rungs_of(ladder, rules)) if ladder else ""
    checked = Checked(report, rules, level, place, _entry(submission), data=SAMPLES if samples else VALIDATION)
    return _Result(checked, graded, about)


def _entry(submission: Submission | Failure) -> str | None:
    return submission.entry if isinstance(submission, Submission) else None


def _entry_shown(path: Path, entry: str | None) -> str | None:
    """The entry file as it is called from here; None for notebooks and zips, whose lines are not those of a file."""
    if path.is_file():
        return str(path) if path.suffix == ".py" else None
    inner = path / entry if entry else None
    return os.path.normpath(inner) if inner and inner.is_file() else None


def _answer(checked: Checked, wanted: _Wanted) -> bool:
    """The chosen format to stdout; where it goes to a file, a person reads the text on stderr. Is anything told?"""
    if not wanted.output:
        with answering():
            print_json(_written(checked, wanted.form))
        return True
    tells = wanted.form is not Format.text and not wanted.quiet
    if tells:
        _print_summary(checked)
    return tells


def _print_summary(checked: Checked) -> None:
    print(summary(checked), end="", file=sys.stderr, flush=True)


def _write_files(checked: Checked, result: _Result, wanted: _Wanted) -> None:
    for option, path in wanted.files.items():
        if option == "--html":
            text = _page(checked, result)
        else:
            text = junit(checked) if option == "--junit" else _written(checked, wanted.form)
        write_text(path, text, instead=f"the verdict is printed: name another file with {option}", later=_LATER)


def _page(checked: Checked, result: _Result) -> str:
    ladder = load_ladder(task.reference_folder(), checked.rubric)
    beside = around(result.about, (), checked.rubric, None, ladder)
    view = checked.report.model_copy(update={"source": Path(checked.report.source).name or "."})
    picture = result.graded.outcomes[0].picture
    return student_page(view, result.about, checked.rubric, None, picture=picture, beside=beside)


def _written(checked: Checked, form: Format) -> str:
    match form:
        case Format.text:
            return summary(checked)
        case Format.json:
            return to_json(checked.report).replace("##", "#\\u0023")  # the same JSON, in which no CI runner finds a command
        case Format.github:
            return github.step_output(checked, secrets.token_hex(16))
        case Format.gitlab:
            return gitlab.metrics(checked)
        case Format.gradescope:
            return gradescope.results(checked)
        case Format.junit:
            return junit(checked)


def _tell_github(checked: Checked, environment: Mapping[str, str]) -> None:
    """What GitHub reads from files: the step's summary and outputs, and Classroom 50's result, where its variables are set."""
    if summary_file := environment.get("GITHUB_STEP_SUMMARY"):
        github.append_summary(summary_file, lambda room: github.step_summary(checked, room))
    if output_file := environment.get("GITHUB_OUTPUT"):
        github.append(output_file, github.outputs(checked))
    owed = checked.report.verdict == "not_graded"  # no result at all then: Classroom 50 would take it for a grade
    if environment.get("CLASSROOM") and environment.get("ASSIGNMENT") and not owed:
        result, instead = Path("result.json"), "the verdict is printed: run it in a folder that may be written"
        write_text(result, github.classroom_result(checked, environment), instead=instead, later=_LATER)
