#!/usr/bin/env python3
"""The command line: the only place that prints and exits. ``python grade.py --help`` lists the commands."""

from __future__ import annotations

import io
import math
import os
import re
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, NoReturn, TextIO

try:
    import typer
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
    from rich.style import StyleType

    import grader
    from grader import batch as batches
    from grader import doctor as doctors
    from grader import intake, pipeline, task
    from grader import rubric as rubrics
    from grader.errors import GraderError, UsageError
    from grader.evaluate import find_device
    from grader.ledger import Ledger
    from grader.records import Graded, Isolation, Upload
    from grader.report import advice, build, text, write
    from grader.report.schema import Grades, Report, to_json
    from grader.rubric import Rubric
except ModuleNotFoundError as missing:
    sys.exit(f"the package {missing.name!r} is not installed for this Python: run 'make setup' and use .venv/bin/python")
except KeyboardInterrupt:  # while torch loads
    sys.exit(128 + signal.SIGINT)

DONE, BELOW, USAGE, FAILED = 0, 1, 2, 3  # and 128 + the number of the signal that stopped it: 130 for Ctrl-C


class _Console(Console):
    """Shows text as it stands: what a student wrote is no markup, and a reader who has left is the caller's business."""

    def __init__(self, stderr: bool = False) -> None:
        super().__init__(stderr=stderr, markup=False, emoji=False, highlight=False, soft_wrap=True)

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


class _Stopped(BaseException):
    """Ctrl-C, SIGTERM or a closed terminal; typer would give KeyboardInterrupt an end of its own."""

    def __init__(self, number: int) -> None:
        self.number = number


app = typer.Typer(
    add_completion=True,
    no_args_is_help=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Grades neural-network pruning: each [bold]prune(model)[/bold] runs confined, its weights are scored on hidden data.",
    epilog="Without a command, 'batch' is meant: 'grade.py' grades submissions/, 'grade.py FOLDER' grades FOLDER.",
)
messages = _Console(stderr=True)


class Isolated(StrEnum):
    """What a batch may ask for; the instructor's data are never without any."""

    strict = "strict"
    best = "best"


class Practice(StrEnum):
    """What a student's check may ask for."""

    strict = "strict"
    best = "best"
    none = "none"


DEFAULT_RUBRIC = Path("rubric.yaml")  # check does without it: its values are the built-in ones
RubricOption = Annotated[Path, typer.Option("--rubric", help="The rubric to mark by.", metavar="FILE")]
DeviceOption = Annotated[
    str | None,
    typer.Option(help="Where weights are evaluated: auto, cpu, cuda or cuda:N (default: the rubric's).", metavar="DEVICE"),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON on stdout, and everything else on stderr.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")]
IsolationOption = Annotated[
    Isolated, typer.Option(help="strict refuses a machine that can't confine submissions; best says what is missing.")
]


@app.command()
def batch(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Submissions, or folders of submissions.", metavar="[PATH]...")
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="Where reports and the ledger go.", metavar="FOLDER")] = Path(
        "reports"
    ),
    rubric: RubricOption = DEFAULT_RUBRIC,
    device: DeviceOption = None,
    workers: Annotated[
        int | None, typer.Option(min=1, max=512, help="Submissions at a time (default: the cores at hand).")
    ] = None,
    isolation: IsolationOption = Isolated.strict,
    fresh: Annotated[bool, typer.Option("--fresh", help="Run every submission again, whatever the ledger holds.")] = False,
    only: Annotated[list[str] | None, typer.Option(help="Grade this student alone; repeatable.", metavar="STUDENT")] = None,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Grade submissions on the hidden data and write reports.

    Example: grade.py batch submissions/ -o reports/
    """
    rules = rubrics.load(rubric)
    found_device = str(find_device(device or rules.device))
    uploads = _without_reports(intake.find(paths or [Path("submissions")]), out)
    chosen = _chosen(uploads, only)
    with Ledger(out) as ledger:
        problem = _prepare_task(rules, rubric, quiet)
        forbidden = (_home(rubric), out, *_own_files(rules, rubric))
        with batches.open_bench(
            rules, problem.instances, isolation=isolation, device=found_device, forbidden=forbidden, ledger=ledger
        ) as bench:
            reference = batches.grade_reference(bench)
            graded = _grade(chosen, bench, workers or len(os.sched_getaffinity(0)), fresh, quiet, out)
            graded += _recalled([upload for upload in uploads if upload not in chosen], bench)
            grades = _report(graded, reference, rules, problem.digest, bench)
        write.write_batch(out, grades, rules)
    with _answering():
        if as_json:
            _print_json(to_json(grades))
        else:
            _print_table(grades)
            print(f"report: {out / 'index.html'}")
    owed = [report.student for report in grades.submissions if report.verdict == "not_graded"]
    if owed:
        _tell(f"not graded: {_shown(', '.join(owed), 300)}; run the same command again to retry them", style="red")
        raise SystemExit(FAILED)


@app.command()
def check(
    path: Annotated[Path, typer.Argument(help="One submission: a file, a folder or a zip.")],
    rubric: RubricOption = DEFAULT_RUBRIC,
    device: DeviceOption = None,
    isolation: Annotated[
        Practice, typer.Option(help="best says what is missing, strict refuses then, none confines nothing: for your own code.")
    ] = Practice.best,
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
    with _building(quiet) as progress:
        instance = task.public(rules, rubric.absolute().parent, _home(rubric), progress)
    forbidden = (_home(rubric),)
    with batches.open_bench(rules, [instance], isolation=isolation, device=found_device, forbidden=forbidden) as bench:
        with _waiting(f"running {uploads[0].name}", quiet):
            graded = pipeline.grade(uploads[0], bench)
        report = build.report(graded, rules, None)
        level = bench.sandbox.isolation
    with _answering():
        if as_json:
            _print_json(to_json(report))
        else:
            _print_check(report, rules, level)
    if report.verdict == "not_graded":
        raise SystemExit(FAILED)
    if report.verdict != "graded" or (report.points or 0.0) < min_points:
        raise SystemExit(BELOW)


@app.command()
def init(
    rubric: RubricOption = DEFAULT_RUBRIC,
    quiet: QuietOption = False,
) -> None:
    """Create the secret, the hidden data and the hidden models; batch does so by itself the first time.

    Example: grade.py init
    """
    rules = rubrics.load(rubric)
    problem = _prepare_task(rules, rubric, quiet)
    print(f"{len(problem.instances)} instances ready in {_home(rubric)} (task {problem.digest[:12]})")
    print("keep that folder to yourself: it holds the secret that the hidden data come from")


@app.command()
def doctor(
    rubric: RubricOption = DEFAULT_RUBRIC,
    device: DeviceOption = None,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Show what confines submissions on this machine and what is missing, and whether known submissions score as they must.

    Example: grade.py doctor
    """
    rules = rubrics.load(rubric)
    found_device = str(find_device(device or rules.device))
    with _building(quiet) as progress:
        instance = task.public(rules, rubric.absolute().parent, _home(rubric), progress)
    with batches.open_bench(rules, [instance], isolation="best", device=found_device, forbidden=(_home(rubric),)) as bench:
        isolation, environment = bench.sandbox.isolation, batches.environment(bench.evaluator)
        parts = doctors.survey()
        with _waiting("scoring the reference", quiet):
            controls = {name: build.report(one, rules, None) for name, one in doctors.controls(bench).items()}
    missing = batches.missing_packages(rules)
    sound = doctors.is_sound(controls)
    with _answering():
        if as_json:
            _print_json(doctors.to_json(isolation, parts, environment, missing, controls))
        else:
            _print_doctor(isolation, parts, environment, missing, controls)
    if not sound:
        raise SystemExit(FAILED)


# --- steps of the commands --------------------------------------------------------------------------------------------


def _home(rubric: Path) -> Path:
    """Where the secret and the caches live: beside the rubric, unless PRUNEGRADE_HOME names another folder."""
    return Path(os.environ.get("PRUNEGRADE_HOME") or rubric.absolute().parent / ".prunegrade")


def _own_files(rules: Rubric, rubric: Path) -> tuple[Path, ...]:
    files = rules.task.files
    return (rubric.absolute().parent / files.hidden,) if files else ()


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
    found = [known for upload in uploads if (known := pipeline.recall(upload, bench))]
    if len(found) < len(uploads):
        _tell(f"{len(uploads) - len(found)} more submissions have no results yet; run without --only to grade them")
    return found


def _prepare_task(rules: Rubric, rubric: Path, quiet: bool) -> task.Task:
    with _building(quiet) as progress:
        return task.load(rules, rubric.absolute().parent, _home(rubric), progress)


def _grade(uploads: Sequence[Upload], bench: pipeline.Bench, workers: int, fresh: bool, quiet: bool, out: Path) -> list[Graded]:
    live = messages.is_terminal and not quiet
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=messages, disable=not live, transient=True) as progress:
        row = progress.add_task("grading", total=len(uploads))

        def on_graded(graded: Graded) -> None:
            progress.update(row, advance=1, description=f"graded {_shown(graded.upload.student, 40)}")
            if not live and not quiet:
                verdict = next((o.verdict for o in graded.outcomes if o.verdict != "graded"), "graded")
                _tell(f"{_shown(graded.upload.student, 60)}: {verdict}")

        try:
            return batches.grade_all(uploads, bench, workers=workers, fresh=fresh, on_graded=on_graded)
        except _Stopped:
            _tell(f"what was graded so far is safe in {out}")
            raise


def _report(graded: Sequence[Graded], reference: Graded, rules: Rubric, task_digest: str, bench: pipeline.Bench) -> Grades:
    reports = [build.report(one, rules, reference.outcomes) for one in graded]
    about_reference = build.report(reference, rules, None)
    if about_reference.verdict != "graded":
        _tell(f"the reference solution itself is {about_reference.verdict}: {about_reference.message}", style="yellow")
    return build.grades(
        reports, rules, task_digest, bench.sandbox.isolation, batches.environment(bench.evaluator), about_reference
    )


# --- what is printed --------------------------------------------------------------------------------------------------


def _print_table(grades: Grades) -> None:
    console = _Console()
    rows = [*grades.submissions, *([grades.reference] if grades.reference else [])]
    width = min(32, max(len("student"), *(len(row.student) for row in rows)))
    console.print(f"{'student':{width}}  {'verdict':13}  {'points':>12}  {'sparsity':>8}  {'error':>8}  reason", style="bold")
    for row in rows:
        points = "-" if row.points is None else f"{row.points:.3f} of {row.max_points:g}"
        sparsity = "" if row.sparsity is None else f"{row.sparsity:.4f}"
        error = "" if row.mse is None else f"{row.mse:.4g}"
        line = f"{_cell(row.student, width):{width}}  {row.verdict:13}  {points:>12}  {sparsity:>8}  {error:>8}  "
        room = max(20, console.width - len(line)) if console.is_terminal else 300
        style = "dim" if row is grades.reference else "" if row.verdict == "graded" else "yellow"
        console.print((line + _cell(row.message, room)).rstrip(), style=style)


def _print_doctor(
    isolation: Isolation,
    parts: Sequence[doctors.Part],
    environment: Mapping[str, str],
    missing: Sequence[str],
    controls: Mapping[str, Report],
) -> None:
    may = "may" if isolation.guards_hidden_data else "may not"
    print(f"isolation  {isolation.level}: {', '.join(isolation.layers) or 'nothing'}")
    print(f"           hidden data {may} be graded here; a run is ended by {doctors.how_a_run_is_ended(isolation, parts)}")
    for layer, why in isolation.missing.items():
        print(f"missing    {layer}: {text.one_line(why, 300)}")
    for attempt in isolation.unforbidden:
        print(f"open       a submission could {text.one_line(attempt, 300)}")
    for part in parts:
        said = part.purpose if part.works else text.one_line(part.problem, 200)
        print(f"{'ok' if part.works else 'missing':10} {part.name}: {said}")
        if not part.works:
            print(f"{'':10} without it: {part.cost}")
    for remedy in dict.fromkeys(part.remedy for part in parts if not part.works):
        print(f"to get     {', '.join(part.name for part in parts if part.remedy == remedy and not part.works)}:")
        print(f"{'':10} {remedy}")
    for name, report in controls.items():
        points = "-" if report.points is None else f"{report.points:.3f}"
        said = f"{report.verdict}, {points} of {report.max_points:g} points {_shown(report.message, 300)}"
        print(f"{'scored':10} {name}: {said.rstrip()}")
    if not doctors.is_sound(controls):
        print("broken     the reference must be graded and beat the others, which must be graded with 0 points")
    for name, version in environment.items():
        print(f"{name:10} {version}")
    if missing:
        print(f"packages   not installed, though the rubric lists them: {', '.join(missing)} (pip install {' '.join(missing)})")


def _print_check(report: Report, rules: Rubric, isolation: Isolation) -> None:
    points = "-" if report.points is None else f"{report.points:.3f}"
    print(f"{report.verdict}: {points} of {report.max_points:g} points on the public validation data")
    if report.verdict == "graded":
        print(f"sparsity {report.sparsity:.4f}, error {report.mse:.4g}, score {report.score:.4f}")
        print(advice.what_limits(report, rules))
    else:
        print(_shown(report.message, 4_000))
        if report.instances[0].traceback:
            print(text.clean(report.instances[0].traceback, 8_000))
    for note in (*report.notes, *report.instances[0].notes):
        print(f"note: {_shown(note, 500)}")
    if report.log:
        print("--- what it printed ---")
        print(text.clean(report.log, 8_000).rstrip())
        print("-----------------------")
    if not isolation.layers:
        print("isolation none: nothing kept this code from your files; the result is practice, the official run is confined")
    elif isolation.missing:
        lacking = "; ".join(f"{layer}: {_shown(why, 200)}" for layer, why in isolation.missing.items())
        print(f"isolation {isolation.level} ({lacking})")


def _shown(value: str, limit: int) -> str:
    """A student's text on one line of a terminal, with control characters made visible."""
    return text.one_line(value, limit)


def _cell(value: str, width: int) -> str:
    shown = _shown(value, 10_000)
    return shown if len(shown) <= width else shown[: width - 1] + "…"


def _tell(message: str, style: StyleType | None = None) -> None:
    """One line on stderr. Nobody has to be there to read it."""
    try:
        messages.print(_shown(message, 4_000), style=style)
    except OSError:
        _lead_nowhere(sys.stderr)


def _print_json(written: str) -> None:
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")  # which JSON is, whatever the terminal's locale
    sys.stdout.write(written)


@contextmanager
def _answering() -> Iterator[None]:
    """For all that goes to stdout: a reader who has seen enough, as in '| head -1', changes nothing."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        _lead_nowhere(sys.stdout)
    except OSError as error:
        _lead_nowhere(sys.stdout)
        raise GraderError(f"standard output can't be written: {(error.strerror or str(error)).lower()}") from None


def _lead_nowhere(stream: TextIO) -> None:
    """Or the interpreter would try again, and complain, when it ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


@contextmanager
def _building(quiet: bool) -> Iterator[Callable[[str, float], None]]:
    """Progress of building instances, shown only once something has to be built."""
    columns = (SpinnerColumn(), TextColumn("building {task.description}"), BarColumn(), TimeElapsedColumn())
    rows: dict[str, Any] = {}
    with Progress(*columns, console=messages, disable=quiet or not messages.is_terminal, transient=True) as progress:

        def on_progress(name: str, done: float) -> None:
            if name not in rows:
                rows[name] = progress.add_task(name, total=1.0)
                if not messages.is_terminal and not quiet:
                    _tell(f"building {name} (once; a few seconds)")
            progress.update(rows[name], completed=done)

        yield on_progress


@contextmanager
def _waiting(what: str, quiet: bool) -> Iterator[None]:
    if quiet or not messages.is_terminal:
        yield
    else:
        with messages.status(escape(_shown(what, 60))):
            yield


# --- start and end ----------------------------------------------------------------------------------------------------


def _with_default_command(arguments: Sequence[str]) -> list[str]:
    """``batch`` where no command is named."""
    commands = [command.callback.__name__ for command in app.registered_commands if command.callback]
    own = {"--help", "--version", "--install-completion", "--show-completion"}
    first = arguments[0] if arguments else ""
    if first in commands or first in own:
        return list(arguments)
    if re.fullmatch(r"[a-z]+", first) and not Path(first).exists():
        raise UsageError(f"{first}: expected a command ({', '.join(commands)}) or an existing file or folder")
    return ["batch", *arguments]


@app.callback(invoke_without_command=True)
def version(
    show: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if show:
        print(grader.__version__)
        raise SystemExit(DONE)


def main() -> NoReturn:
    """Run a command and end with the project's exit status: 0 done, 1 below, 2 usage, 3 the grader failed, 130 Ctrl-C."""
    _open_streams()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup's wish not to hear of it stands
            signal.signal(number, _stop)
    try:
        with _answering():
            code = app(args=_with_default_command(sys.argv[1:]), prog_name="grade.py", standalone_mode=False)
        _exit(code if isinstance(code, int) else DONE)
    except UsageError as error:
        _exit(USAGE, str(error))
    except GraderError as error:
        _exit(FAILED, str(error))
    except _Stopped as stopped:
        _exit(128 + stopped.number, "stopped; run the same command again to go on")
    except SystemExit as ended:
        _exit(ended.code if isinstance(ended.code, int) else DONE)
    except Exception as error:
        _exit(*_explained(error))


def _open_streams() -> None:
    """Streams that the caller has closed lead nowhere, and none of them refuses a character."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest free number, which is this one
    sys.stdout = sys.stdout or open(os.devnull, "w")
    sys.stderr = sys.stderr or open(os.devnull, "w")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _stop(number: int, _: object) -> NoReturn:
    raise _Stopped(number)


def _explained(error: Exception) -> tuple[int, str]:
    worded = getattr(error, "format_message", None)
    if worded:  # a wrong option or argument
        command = getattr(getattr(error, "ctx", None), "command_path", "grade.py")
        sentence = worded().rstrip(".").replace("Value error, ", "")
        return USAGE, f"{sentence[:1].lower()}{sentence[1:]}; see '{command} --help'"
    if os.environ.get("PRUNEGRADE_DEBUG"):
        traceback.print_exc()
    reason = f"{type(error).__name__}: {error}"
    if isinstance(error, OSError) and error.strerror:
        reason = f"{error.filename}: {error.strerror.lower()}" if error.filename else error.strerror.lower()
    return FAILED, f"the grader failed: {reason}; set PRUNEGRADE_DEBUG=1 to see where"


def _exit(code: int, message: str = "") -> NoReturn:
    if message:
        try:
            print(f"grade.py: {text.one_line(message, 4_000)}", file=sys.stderr, flush=True)
        except OSError:
            _lead_nowhere(sys.stderr)
    sys.exit(code)


if __name__ == "__main__":
    main()
