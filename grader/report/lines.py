"""One submission as the pages of the whole class need it: so little that those of a very large class fit into memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from grader.records import Verdict
from grader.report.schema import InstanceReport, Report
from grader.report.text import one_line

MESSAGE = 240  # characters


@dataclass(frozen=True, slots=True)
class Run:
    """One instance of it, with fields as in :class:`grader.report.schema.InstanceReport`."""

    points: float | None
    score: float | None
    sparsity: float | None
    mse: float | None
    weights_sha256: str | None
    zeros: int | None
    parameters: int | None
    seconds: float | None
    cpu_seconds: float | None
    peak_memory_bytes: int | None

    @classmethod
    def of(cls, found: InstanceReport) -> Self:
        return cls(
            found.points,
            found.score,
            found.sparsity,
            found.mse,
            found.weights_sha256,
            found.zeros,
            found.parameters,
            found.seconds,
            found.cpu_seconds,
            found.peak_memory_bytes,
        )


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the class, with fields as in :class:`grader.report.schema.Report`."""

    student: str
    source: str
    sha256: str | None
    verdict: Verdict
    message: str  # on one line
    points: float | None
    score: float | None
    sparsity: float | None
    mse: float | None
    seconds: float | None
    isolation: str
    pending: tuple[tuple[str, float], ...]  # marks that a person has still to give, and their maxima
    instances: tuple[Run, ...]

    @classmethod
    def of(cls, report: Report) -> Self:
        return cls(
            report.student,
            report.source,
            report.sha256,
            report.verdict,
            one_line(report.message, MESSAGE),
            report.points,
            report.score,
            report.sparsity,
            report.mse,
            report.seconds,
            report.isolation,
            tuple((mark.criterion, mark.max_points) for mark in report.marks if mark.pending),
            tuple(map(Run.of, report.instances)),
        )

    @property
    def scale_points(self) -> float | None:
        """The points of the scale that the ladder's rungs stand on: without criteria and lateness. None if any are owed."""
        points = [one.points for one in self.instances if one.points is not None]
        return sum(points) / len(points) if len(points) == len(self.instances) else None
