"""The path of one submission: read it, run it on each instance, admit its weights, measure them, keep the outcome."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from grader import intake, picture, weights
from grader.errors import GraderError, SubmissionError
from grader.evaluate import Evaluator, Samples
from grader.ledger import Ledger
from grader.records import PUBLIC, Failure, Graded, Isolation, Outcome, Run, Stage, Submission, Upload
from grader.sandbox import PublicData, Sandbox

ATTEMPTS = 3  # at a run in which the grader itself fails, not counting what a neighbour's failure has cost


@dataclass(frozen=True, slots=True)
class Station:
    """One instance made ready: what children may see of it, and what only the evaluator sees."""

    data: PublicData
    samples: Samples
    digest: str

    @property
    def name(self) -> str:
        return self.data.name


@dataclass(frozen=True, slots=True)
class Bench:
    """All that grading needs besides the submission."""

    sandbox: Sandbox
    evaluator: Evaluator
    stations: tuple[Station, ...]
    circumstances: dict[str, Any]  # what determines a run besides submission and instance
    ledger: Ledger | None = None


def grade(upload: Upload, bench: Bench, *, fresh: bool = False) -> Graded:
    """Grade one submission on every instance. Failures become verdicts; GraderError means that no outcome can be kept."""

    def outcome_on(submission: Submission, station: Station) -> Outcome:
        found = None if fresh else _recall(upload, submission, station, bench)
        if found is None:
            found = _run(upload, submission, station, bench)
            _keep(upload, submission, station, bench, found)
        return found

    graded = _on_every_instance(upload, bench, outcome_on)
    assert graded is not None  # every station had an outcome
    return graded


def recall(upload: Upload, bench: Bench) -> Graded | None:
    """The submission as the ledger has it, without running anything; None unless every instance is there."""
    return _on_every_instance(upload, bench, lambda submission, station: _recall(upload, submission, station, bench))


def _on_every_instance(
    upload: Upload, bench: Bench, outcome_on: Callable[[Submission, Station], Outcome | None]
) -> Graded | None:
    """What ``outcome_on`` says of each instance in turn, up to one that settles the rest; None once it knows of none."""
    submission = _read(upload)
    if isinstance(submission, Failure):
        return _nowhere(upload, submission, bench)
    outcomes: list[Outcome] = []
    for station in bench.stations:
        ended = _ends_submission(outcomes[-1]) if outcomes else None
        outcome = _failed(station, ended) if ended else outcome_on(submission, station)
        if outcome is None:
            return None
        outcomes.append(outcome)
    isolation = bench.sandbox.isolation
    return Graded(upload, submission.sha256, tuple(outcomes), (*submission.notes, *_caveats(isolation)), isolation.level)


def _caveats(isolation: Isolation) -> tuple[str, ...]:
    """What everybody who reads the report must know of a run that was not confined as hidden data needs it."""
    if isolation.guards_hidden_data:
        return ()
    lacking = ", ".join(isolation.missing) or "nothing"
    return (f"run with isolation {isolation.level}, below the L2 that hidden data needs (missing: {lacking}): for practice only",)


def _recall(upload: Upload, submission: Submission, station: Station, bench: Bench) -> Outcome | None:
    found = bench.ledger.find(_circumstances(upload, submission, station, bench)) if bench.ledger else None
    return replace(found, instance=station.name) if found else None


def _read(upload: Upload) -> Submission | Failure:
    try:
        return intake.read(upload)
    except SubmissionError as unreadable:
        return unreadable.failure
    except Exception as ours:
        return _owed(ours, "unpack")


def _nowhere(upload: Upload, failure: Failure, bench: Bench) -> Graded:
    """A submission that could not be read, and so failed on every instance."""
    outcomes = tuple(_failed(station, failure) for station in bench.stations)
    return Graded(upload, intake.digest_of(upload), outcomes, isolation=bench.sandbox.isolation.level)


def _run(upload: Upload, submission: Submission, station: Station, bench: Bench) -> Outcome:
    """One instance. Whatever goes wrong in the grader is never the student's fault, and never stops the batch."""
    try:
        return _measured(_attempt(upload, submission, station, bench), station, bench)
    except Exception as ours:
        return _failed(station, _owed(ours, "evaluate"))


def _measured(run: Run, station: Station, bench: Bench) -> Outcome:
    """What a confined run gave back: through the gate, to the measurement."""
    failure, measurement, drawn = run.failure, None, None
    if run.weights is not None:
        try:
            admitted = weights.admit(run.weights)
            measurement = bench.evaluator.measure(admitted, station.samples)
            drawn = picture.derive(admitted) if station.name == PUBLIC else None
        except SubmissionError as rejected:
            failure = rejected.failure
    return Outcome(
        instance=station.name,
        measurement=measurement,
        failure=failure,
        notes=run.notes,
        log=run.log,
        log_truncated=run.log_truncated,
        seconds=run.seconds,
        cpu_seconds=run.cpu_seconds,
        peak_memory_bytes=run.peak_memory_bytes,
        graded_at=_now(),
        picture=drawn,
    )


def _attempt(upload: Upload, submission: Submission, station: Station, bench: Bench) -> Run:
    packages = intake.imported_packages(submission)
    failures = 0
    while True:
        generation = bench.sandbox.generation
        try:
            return bench.sandbox.run(submission, station.data, packages=packages, parameters=upload.parameters)
        except GraderError:
            # A nursery that was replaced for another run's sake took this run with it: that is no failed attempt.
            failures += bench.sandbox.recover(generation, force=failures == ATTEMPTS - 2)
            if failures >= ATTEMPTS:
                raise


def _ends_submission(outcome: Outcome) -> Failure | None:
    """A failure before prune starts, or a time-out, would only happen again: the other instances get the same verdict."""
    failure = outcome.failure
    if failure and (failure.stage in ("unpack", "import") or failure.verdict == "timed_out") and failure.verdict != "not_graded":
        return failure
    return None


def _owed(error: Exception, stage: Stage) -> Failure:
    what = str(error) if isinstance(error, GraderError) else f"{type(error).__name__}: {error}"
    return Failure("not_graded", stage, f"the grader failed: {what}; grade it again")


def _failed(station: Station, failure: Failure) -> Outcome:
    return Outcome(station.name, None, failure, graded_at=_now())


def _keep(upload: Upload, submission: Submission, station: Station, bench: Bench, outcome: Outcome) -> None:
    """What the grader owes is not kept, so that a rerun tries it again."""
    if bench.ledger and outcome.verdict != "not_graded":
        bench.ledger.keep(upload.student, _circumstances(upload, submission, station, bench), outcome)


def _circumstances(upload: Upload, submission: Submission, station: Station, bench: Bench) -> dict[str, Any]:
    called_with = {"parameters": dict(upload.parameters)} if upload.parameters else {}
    return {**bench.circumstances, **called_with, "submission": submission.sha256, "instance": station.digest}


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
