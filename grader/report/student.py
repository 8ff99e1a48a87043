"""What a student may see of a report: the only way from hidden instances to students.

A submission sees hidden instances' models and training data while it runs, and can print them, raise them or spend
seconds on them. So of a hidden instance a student gets the verdict, the points, the exception's type and the line, each
chosen from a short list of ours; and no text, figure, time or picture.

The figures that remain are those of hidden test splits, and follow ``feedback.hidden_figures``:

=========  =====================  =======================  ==================  =======================
           mse                    score, instance points   total points        mean sparsity
=========  =====================  =======================  ==================  =======================
exact      as measured            as measured              as measured         as measured
rounded    2 significant digits   2 decimals               3 decimals          4 decimals
banded     next of 1, 2, 5, 10,   tenths of the maximum    tenths of the       2 decimals
           20, 50, ... above it                            maximum
=========  =====================  =======================  ==================  =======================

Zeros and sparsity of the public instance are the student's own and stay exact, and so do marks and points that a person set.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import PurePath
from typing import Self

from grader.records import PUBLIC, Verdict
from grader.report.build import decisive_instance
from grader.report.lines import Line
from grader.report.schema import InstanceReport, Report
from grader.rubric import Rubric

# Fixed sentences: nothing in them but a built-in exception's name and a line number comes from the run.
HIDDEN: dict[Verdict, str] = {
    "graded": "",
    "unreadable": "the submission could not be read",
    "no_entry": "no callable prune(model) was found",
    "raised": "an exception was raised",
    "exited": "the process ended without returning a model",
    "crashed": "the process crashed",
    "timed_out": "the time limit was reached",
    "out_of_memory": "the memory limit was reached",
    "rejected": "the returned model was not accepted",
    "missing": "nothing was handed in",
    "not_graded": "the grader failed, not the submission; it will be graded again",
}


def student_view(report: Report, rubric: Rubric) -> Report:
    """The report as its student may see it. Pure, and the same again when applied twice."""
    instances = [_public(one, rubric) if one.name == PUBLIC else _hidden(one, rubric) for one in report.instances]
    decisive = decisive_instance(instances)
    public = next((one for one in instances if one.name == PUBLIC), None)
    step = rubric.points.max / 10
    return report.model_copy(
        update={
            "source": PurePath(report.source).name,  # the folders above it are the instructor's
            "section": "",
            "group": "",
            "lms_id": "",
            "stage": decisive.stage,
            "message": _message(decisive),
            "raw_points": _coarse(report.raw_points, rubric, 3, step),
            "late_penalty": _coarse(report.late_penalty, rubric, 3, step),  # a share of what was earned tells that
            "points": report.points if _is_set_by_hand(report) else _coarse(report.points, rubric, 3, step),
            "score": _coarse(report.score, rubric, 2, 0.1),
            "sparsity": _coarse(report.sparsity, rubric, 4, 0.01),
            "mse": _coarse_mse(report.mse, rubric),
            "instances": instances,
            "log": public.log if public else "",
            "log_truncated": public.log_truncated if public else False,
            "seconds": public.seconds if public else None,  # time spent on hidden instances could spell out their data
            "graded_at": report.graded_at if report.instances[0].name == PUBLIC else None,
        }
    )


def _is_set_by_hand(report: Report) -> bool:
    return any(one.points is not None and one.criterion is None for one in report.decisions)


@dataclass(frozen=True, slots=True)
class Figures:
    """What a student may see of a submission's place in the class, own or another's."""

    points: float | None
    scale_points: float | None  # without criteria and lateness, as the plane's lines of equal points have it
    sparsity: float | None
    mse: float | None

    @classmethod
    def of(cls, line: Line, rubric: Rubric) -> Self:
        points, scale_points = (_coarse(one, rubric, 3, rubric.points.max / 10) for one in (line.points, line.scale_points))
        return cls(points, scale_points, _coarse(line.sparsity, rubric, 4, 0.01), _coarse_mse(line.mse, rubric))


def _message(decisive: InstanceReport) -> str:
    if decisive.name == PUBLIC or decisive.verdict in {"graded", "not_graded"}:
        return decisive.message
    return f"on the hidden instance {decisive.name}: {decisive.message}"


def _public(instance: InstanceReport, rubric: Rubric) -> InstanceReport:
    """The student's own run, with the figures that were taken on its hidden test split made coarser."""
    per_output = instance.mse_per_output
    return instance.model_copy(
        update={
            # Our own failure's text is for the instructor: it may name paths of the grader.
            "message": HIDDEN["not_graded"] if instance.verdict == "not_graded" else instance.message,
            "traceback": "" if instance.verdict == "not_graded" else instance.traceback,
            "mse": _coarse_mse(instance.mse, rubric),
            "score": _coarse(instance.score, rubric, 2, 0.1),
            "points": _coarse(instance.points, rubric, 2, rubric.points.max / 10),
            "mse_per_output": [_mse_band(mse, rubric) for mse in per_output] if per_output is not None else None,
        }
    )


def _hidden(instance: InstanceReport, rubric: Rubric) -> InstanceReport:
    """Built anew, field by field: a field that is added later is not shown until somebody decides it here."""
    return InstanceReport(
        name=instance.name,
        verdict=instance.verdict,
        stage=None,
        message=_hidden_message(instance),
        exception=instance.exception,
        line=instance.line,
        traceback="",
        sparsity=None,
        mse=None,
        score=None,
        points=_coarse(instance.points, rubric, 2, rubric.points.max / 10),
        zeros=None,
        parameters=None,
        layers=None,
        mse_per_output=None,
        weights_sha256=None,
        seconds=None,
        cpu_seconds=None,
        peak_memory_bytes=None,
        notes=[],
        log="",
        log_truncated=False,
    )


def _hidden_message(instance: InstanceReport) -> str:
    sentence = HIDDEN[instance.verdict]
    if instance.verdict in {"graded", "not_graded"}:
        return sentence
    exception = f" ({instance.exception})" if instance.exception else ""
    return sentence + exception + (f" at line {instance.line}" if instance.line else "")


def _coarse(value: float | None, rubric: Rubric, decimals: int, step: float) -> float | None:
    """The value to ``decimals`` (rounded) or to the nearest multiple of ``step`` (banded)."""
    kind = rubric.feedback.hidden_figures
    if value is None or kind == "exact":
        return value
    return round(value, decimals) if kind == "rounded" else round(round(value / step) * step, 9)


def _coarse_mse(value: float | None, rubric: Rubric) -> float | None:
    return None if value is None else _mse_band(value, rubric)


def _mse_band(value: float, rubric: Rubric) -> float:
    kind = rubric.feedback.hidden_figures
    if kind == "exact" or value <= 0:
        return value
    if kind == "rounded":
        return float(f"{value:.1e}")
    decade = float(f"1e{math.floor(math.log10(value))}")
    return next(edge for edge in (decade, 2 * decade, 5 * decade, 10 * decade, value) if value <= edge)
