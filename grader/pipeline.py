"""The path of one submission: read it, run it on each instance, admit its weights, measure them, keep the outcome."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from grader import intake, picture, weights
from grader.errors import GraderError, SubmissionError
from grader.handover import PublicData
from grader.ledger import key_of
from grader.records import PUBLIC, Failure, Graded, Isolation, Measurement, Outcome, Run, Stage, Submission, Upload

if TYPE_CHECKING:
    from grader.portable import Portable
    from grader.sandbox import Sandbox  # Linux's alone

ATTEMPTS = 3  # at a run in which the grader itself fails, not counting what a neighbour's failure has cost


@dataclass(frozen=True, slots=True)
class Station:
    """One instance made ready: what children may see of it, and what only the evaluator sees."""

    data: PublicData
    samples: Any  # as the evaluator has them
    digest: str

    @property
    def name(self) -> str:
        return self.data.name


@dataclass(frozen=True, slots=True)
class Conditions:
    """What the outcomes of a submission depend on besides itself: where these are equal, nothing is run again."""

    instances: Mapping[str, str]  # name -> digest, in the order in which they are run
    circumstances: Mapping[str, Any]  # limits, versions and whatever else determines a run
    isolation: Isolation

    @property
    def digest(self) -> str:
        return key_of({**self.circumstances, "instances": list(self.instances.items())})

    def of_run(self, upload: Upload, sha256: str, instance: str) -> dict[str, Any]:
        """Everything that determines one run of the submission with that digest."""
        called_with = {"parameters": dict(upload.parameters)} if upload.parameters else {}
        return {**self.circumstances, **called_with, "submission": sha256, "instance": self.instances[instance]}


class Store(Protocol):
    """Where outcomes are found and kept, each under everything that determines it. Methods may be called from any thread."""

    def find(self, circumstances: Mapping[str, Any]) -> Outcome | None: ...

    def keep(self, student: str, circumstances: Mapping[str, Any], outcome: Outcome) -> None: ...


class Evaluates(Protocol):
    """What turns weights into measurements: ``evaluate`` on the processor, ``device`` on a GPU. For any thread."""

    @property
    def kind(self) -> str: ...  # cpu or cuda

    @property
    def name(self) -> str: ...

    @property
    def torch_version(self) -> str: ...

    @property
    def backlog(self) -> int:
        """Submissions that may wait for their measurement while others run."""
        ...

    def turn(self, workers: int) -> AbstractContextManager[object]:
        """What each run takes while it is under way, so that no more than ``workers`` are."""
        ...

    def vacates_by(self, vacate: Callable[[], None]) -> None:
        """``vacate`` ends what stands by for further runs."""
        ...

    def upload(self, inputs: NDArray[np.float32], targets: NDArray[np.float32]) -> Any:
        """Inputs (n, 128) and targets (n, 10) of a split, as ``measure`` takes them."""
        ...

    def measure(self, weights: weights.Weights, samples: Any) -> Measurement: ...

    @property
    def remarks(self) -> tuple[str, ...]:
        """What whoever reads a measurement of it must know."""
        ...

    def close(self) -> None: ...


class Runner(Protocol):
    """Where submissions run: this machine's ``Bench``, or the nodes of a cluster. Methods may be called from any thread."""

    @property
    def conditions(self) -> Conditions: ...

    @property
    def store(self) -> Store | None: ...

    @property
    def environment(self) -> Mapping[str, str]:
        """Versions that a measurement may depend on."""
        ...

    @property
    def slots(self) -> int:
        """How many runs it takes at a time; 0 leaves that to the caller."""
        ...

    def run(self, upload: Upload, submission: Submission, instance: str) -> Outcome:
        """One run. Whatever fails in the grader is an outcome too; GraderError means that nothing can be run any more."""
        ...

    def close(self) -> None:
        """End the runs in flight; there will be no others. More than once does no harm."""
        ...


@dataclass(frozen=True, slots=True)
class Bench:
    """All that grading on this machine needs besides the submission."""

    sandbox: Sandbox | Portable
    evaluator: Evaluates
    stations: Mapping[str, Station]  # by the instance's name
    conditions: Conditions
    store: Store | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    slots: int = 0
    # Taken while a submission runs, not while it is evaluated.
    turn: AbstractContextManager[object] = field(default_factory=nullcontext)
    why_no_gpu: str = ""  # where submissions may use a GPU and can't

    def run(self, upload: Upload, submission: Submission, instance: str) -> Outcome:
        return _run(upload, submission, self.stations[instance], self)

    def close(self) -> None:
        self.sandbox.close()
        self.evaluator.close()


def grade(upload: Upload, bench: Runner, *, fresh: bool = False) -> Graded:
    """Grade one submission on every instance. Failures become verdicts; GraderError means that no outcome can be kept."""
    return grade_read(upload, read(upload), bench, fresh=fresh)


def grade_read(upload: Upload, submission: Submission | Failure, bench: Runner, *, fresh: bool = False) -> Graded:
    """The same for a submission that was read already."""

    def outcome_on(readable: Submission, instance: str) -> Outcome:
        circumstances = bench.conditions.of_run(upload, readable.sha256, instance)
        found = bench.store.find(circumstances) if bench.store and not fresh else None
        if found:
            return replace(found, instance=instance)
        made = bench.run(upload, readable, instance)
        if bench.store and made.verdict != "not_graded":  # what the grader owes is not kept, so that a rerun tries it again
            bench.store.keep(upload.student, circumstances, made)
        return made

    graded = _on_every_instance(upload, submission, bench.conditions, outcome_on)
    assert graded is not None  # every instance had an outcome
    return graded


def recall(upload: Upload, submission: Submission | Failure, conditions: Conditions, store: Store) -> Graded | None:
    """The submission as the store has it, without running anything; None unless every instance is there."""

    def outcome_on(readable: Submission, instance: str) -> Outcome | None:
        found = store.find(conditions.of_run(upload, readable.sha256, instance))
        return replace(found, instance=instance) if found else None

    return _on_every_instance(upload, submission, conditions, outcome_on)


def _on_every_instance(
    upload: Upload,
    submission: Submission | Failure,
    conditions: Conditions,
    outcome_on: Callable[[Submission, str], Outcome | None],
) -> Graded | None:
    """What ``outcome_on`` says of each instance in turn, up to one that settles the rest; None once it knows of none."""
    isolation = conditions.isolation
    if isinstance(submission, Failure):  # it could not be read, and so failed on every instance
        nowhere = tuple(_failed(instance, submission) for instance in conditions.instances)
        return Graded(upload, intake.digest_of(upload), nowhere, (None,) * len(nowhere), isolation=isolation.level)
    outcomes: list[Outcome] = []
    keys: list[str | None] = []
    for instance in conditions.instances:
        ended = _ends_submission(outcomes[-1]) if outcomes else None
        outcome = _failed(instance, ended) if ended else outcome_on(submission, instance)
        if outcome is None:
            return None
        is_kept = not ended and outcome.verdict != "not_graded"
        keys.append(key_of(conditions.of_run(upload, submission.sha256, instance)) if is_kept else None)
        outcomes.append(outcome)
    notes = (*submission.notes, *_caveats(isolation))
    return Graded(upload, submission.sha256, tuple(outcomes), tuple(keys), notes, isolation.level)


def _caveats(isolation: Isolation) -> tuple[str, ...]:
    """What everybody who reads the report must know of a run that was not confined as hidden data needs it."""
    if isolation.guards_hidden_data:
        return ()
    if isolation.practice:
        return (isolation.practice,)
    lacking = ", ".join(isolation.missing) or "nothing"
    return (f"run with isolation {isolation.level}, below the L2 that hidden data needs (missing: {lacking}): for practice only",)


def read(upload: Upload) -> Submission | Failure:
    """The submission's files, or why it has none that can be graded."""
    try:
        return intake.read(upload)
    except SubmissionError as unreadable:
        return unreadable.failure
    except Exception as ours:
        return _owed(ours, "unpack")


def _run(upload: Upload, submission: Submission, station: Station, bench: Bench) -> Outcome:
    """One instance. Whatever goes wrong in the grader is never the student's fault, and never stops the batch."""
    try:
        return _measured(_attempt(upload, submission, station, bench), station, bench)
    except Exception as ours:
        return owed(station.name, ours)


def _measured(run: Run, station: Station, bench: Bench) -> Outcome:
    """What a confined run gave back: through the gate, to the measurement."""
    failure, measurement, drawn, notes = run.failure, None, None, run.notes
    if run.weights is not None:
        try:
            admitted = weights.admit(run.weights)
            measurement = bench.evaluator.measure(admitted, station.samples)
            notes += bench.evaluator.remarks
            drawn = picture.derive(admitted) if station.name == PUBLIC else None
        except SubmissionError as rejected:
            failure = rejected.failure
    return Outcome(
        instance=station.name,
        measurement=measurement,
        failure=failure,
        notes=notes,
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
            with bench.turn:
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


def owed(instance: str, error: Exception) -> Outcome:
    """What becomes of a run in which the grader itself failed."""
    return _failed(instance, _owed(error, "evaluate"))


def _failed(instance: str, failure: Failure) -> Outcome:
    return Outcome(instance, None, failure, graded_at=_now())


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
