"""One submission under many settings of its parameters: rows, and which of them is best. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from grader.report.calibration import points_under
from grader.report.schema import Report, SettingReport, Sweep
from grader.rubric import Rubric


def label(parameters: dict[str, float | int]) -> str:
    """A setting in one line, as --point takes it: eps=0.01,gamma=0.1."""
    return ",".join(f"{name}={value!r}" for name, value in parameters.items())


def swept(
    settings: Sequence[dict[str, float | int]],
    reports: Sequence[Report],
    rubric: Rubric,
    *,
    data: str,
    environment: dict[str, str],
) -> Sweep:
    """The table of one submission's reports, one for each setting; ``data`` says what they were measured on."""
    rows = [_row(parameters, report, rubric) for parameters, report in zip(settings, reports, strict=True)]
    return Sweep(
        submission=reports[0].name,
        sha256=reports[0].sha256,
        data=data,
        rubric_digest=rubric.digest,
        grader_version=environment["grader"],
        environment=environment,
        isolation=reports[0].isolation,
        max_points=rubric.points.max,
        parameters=list(dict.fromkeys(name for parameters in settings for name in parameters)),
        settings=rows,
        best=best_of(rows),
    )


def _row(parameters: dict[str, float | int], report: Report, rubric: Rubric) -> SettingReport:
    seconds = [one.seconds for one in report.instances if one.seconds is not None]
    return SettingReport(
        parameters=parameters,
        verdict=report.verdict,
        message=report.message,
        sparsity=report.sparsity,
        mse=report.mse,
        score=report.score,
        points=points_under(rubric, report.instances),
        seconds=sum(seconds) / len(seconds) if seconds else None,
    )


def best_of(settings: Sequence[SettingReport]) -> int | None:
    """Index of the highest score, the earliest of equals."""
    scored = [(one.score, -place) for place, one in enumerate(settings) if one.score is not None]
    return -max(scored)[1] if scored else None
