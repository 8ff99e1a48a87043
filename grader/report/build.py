"""Graded submissions become reports, and reports become grades: pure, complete, for the instructor.

What a student may see of it is cut out by :mod:`grader.report.student`. All text that a submission could have written
is cleaned here, once, so that every format starts from harmless text.
"""

from __future__ import annotations

import builtins
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace

import grader
from grader.adjustments import Adjustment
from grader.marking import means, points_on, total
from grader.records import Failure, Graded, Isolation, Measurement, Outcome
from grader.report.schema import About, DecisionReport, InstanceReport, IsolationReport, LayerReport, MarkReport, Report
from grader.report.text import clean, one_line
from grader.rubric import Rubric

# Longest texts in characters; logs are held to limits.log_bytes.
NAME, MESSAGE, TRACEBACK, NOTE, NOTES = 200, 2_000, 8_000, 500, 20
LAST_LINE = 1_000_000  # no source is longer: a larger line number is not one

NO_OUTCOME = Outcome("public", None, Failure("not_graded", "unpack", "the grader recorded no outcome; grade it again"))


def report(graded: Graded, rubric: Rubric, reference: tuple[Outcome, ...] | None, given: tuple[Adjustment, ...] = ()) -> Report:
    """Everything about one submission. ``reference`` holds the reference's outcomes, None while it is reported itself.

    ``given`` is what a person has decided for this student.
    """
    outcomes, person = graded.outcomes or (NO_OUTCOME,), graded.upload.person
    instances = [_instance(outcome, rubric) for outcome in outcomes]
    decisive = decisive_instance(instances)
    found = total(rubric, replace(graded, outcomes=outcomes), reference, given)
    marks = [
        MarkReport(
            criterion=mark.criterion,
            points=mark.points,
            max_points=mark.max_points,
            reason=mark.reason,
            pending=mark.pending,
        )
        for mark in found.marks
    ]
    mean = means(rubric, outcomes) or {}
    return Report(
        student=clean(graded.upload.student, 5 * NAME),
        name=one_line(graded.name or person.name or graded.upload.name, NAME),
        email=one_line(graded.email or person.email, NAME),
        section=one_line(person.section, NAME),
        group=one_line(person.group, NAME),
        lms_id=one_line(graded.upload.lms_id, NAME),
        attempt=graded.upload.attempt,
        commit=graded.upload.commit or None,
        source=one_line(graded.upload.source, 5 * NAME),
        sha256=graded.sha256,
        submitted_at=graded.upload.submitted_at,
        verdict=decisive.verdict,
        stage=decisive.stage,
        message=decisive.message,
        raw_points=found.raw,
        late_penalty=found.late_penalty,
        lateness=one_line(found.late.words, MESSAGE) if found.late else None,
        points=found.points,
        max_points=rubric.max_points,
        score=_finite(mean.get("score")),
        sparsity=_finite(mean.get("sparsity")),
        mse=_finite(mean.get("mse")),
        marks=marks,
        decisions=[_decision(one) for one in given],
        instances=instances,
        log=instances[0].log,
        log_truncated=instances[0].log_truncated,
        notes=_notes(graded.notes),
        seconds=_finite(sum(outcome.seconds for outcome in outcomes)),
        graded_at=outcomes[0].graded_at or None,
        isolation=graded.isolation,
    )


def _decision(given: Adjustment) -> DecisionReport:
    return DecisionReport(
        author=one_line(given.author, NAME),
        reason=clean(given.reason, MESSAGE),
        criterion=given.criterion,
        points=given.points,
        waives_lateness=given.waive_late,
        comment=clean(given.comment, MESSAGE),
    )


def about(
    rubric: Rubric, task_digest: str, isolation: Isolation, environment: Mapping[str, str], reference: Report | None
) -> About:
    """What belongs to a batch besides its submissions."""
    return About(
        rubric_digest=rubric.digest,
        task_digest=task_digest,
        grader_version=grader.__version__,
        environment=dict(environment),
        isolation=IsolationReport(level=isolation.level, layers=list(isolation.layers), missing=dict(isolation.missing)),
        reference=reference,
    )


def decisive_instance(instances: Sequence[InstanceReport]) -> InstanceReport:
    """The instance whose verdict is the submission's: the first not graded by our fault, else the first failed one."""
    owed = (one for one in instances if one.verdict == "not_graded")
    failed = (one for one in instances if one.verdict != "graded")
    return next(owed, None) or next(failed, None) or instances[0]


def _instance(outcome: Outcome, rubric: Rubric) -> InstanceReport:
    failure, found = outcome.failure, outcome.measurement
    score = rubric.score_of(found.mse, found.sparsity) if found else None
    whole_log = clean(outcome.log, sys.maxsize)  # visible escapes can make it longer than the keeper's cap
    return InstanceReport(
        name=outcome.instance,
        verdict=outcome.verdict,
        stage=failure.stage if failure else None,
        message=clean(failure.message, MESSAGE) if failure else "",
        exception=_exception(failure.exception) if failure else None,
        line=failure.line if failure and failure.line and 0 < failure.line <= LAST_LINE else None,
        traceback=clean(failure.traceback, TRACEBACK) if failure else "",
        sparsity=found.sparsity if found else None,
        mse=_finite(found.mse) if found else None,
        score=score,
        points=points_on(rubric, outcome),
        zeros=found.zeros if found else None,
        parameters=found.parameters if found else None,
        layers=_layers(found) if found else None,
        mse_per_output=_mse_per_output(found) if found else None,
        weights_sha256=found.weights_sha256 if found else None,
        seconds=_finite(outcome.seconds),
        cpu_seconds=_finite(outcome.cpu_seconds),
        peak_memory_bytes=outcome.peak_memory_bytes,
        notes=_notes(outcome.notes),
        log=clean(whole_log, rubric.limits.log_bytes),
        log_truncated=outcome.log_truncated or len(whole_log) > rubric.limits.log_bytes,
    )


def _exception(name: str | None) -> str | None:
    """Only the name of a built-in exception: any other text here would be the student's, and could carry anything."""
    found = getattr(builtins, name, None) if name else None
    return name if isinstance(found, type) and issubclass(found, BaseException) else None


def _layers(found: Measurement) -> dict[str, LayerReport]:
    return {name: LayerReport(zeros=one.zeros, parameters=one.parameters) for name, one in found.layers.items()}


def _mse_per_output(found: Measurement) -> list[float] | None:
    return list(found.mse_per_output) if all(map(math.isfinite, found.mse_per_output)) else None


def _notes(notes: Sequence[str]) -> list[str]:
    kept = [clean(note, NOTE) for note in notes[:NOTES]]
    return kept + [f"{len(notes) - NOTES} more notes are not shown"] * (len(notes) > NOTES)


def _finite(value: float | None) -> float | None:
    """JSON has no NaN and no Infinity: they are null."""
    return value if value is not None and math.isfinite(value) else None
