"""A self-check, ready to be written in any format: its report, and what stands around it."""

from __future__ import annotations

from dataclasses import dataclass

from grader.records import Isolation
from grader.report.advice import what_limits
from grader.report.schema import InstanceReport, Report
from grader.rubric import Rubric

VALIDATION = "the public validation data"


@dataclass(frozen=True, slots=True)
class Checked:
    """What every format of ``check`` is made from. Texts in the report are cleaned already; see :mod:`grader.report.build`."""

    report: Report
    rubric: Rubric
    isolation: Isolation
    standing: str = ""  # between which rungs of the ladder; empty where nothing was scored
    entry: str | None = None  # the entry file as seen from where the check was started; None where lines can't be shown in it
    min_points: float = 0.0
    data: str = VALIDATION

    @property
    def instance(self) -> InstanceReport:
        return self.report.instances[0]

    @property
    def passed(self) -> bool:
        """What the exit status says: graded, and with enough points."""
        return self.report.verdict == "graded" and (self.report.points or 0.0) >= self.min_points

    @property
    def headline(self) -> str:
        """Verdict and points on one line, none of it a student's text."""
        report = self.report
        points = "no points yet" if report.points is None else f"{report.points:.3f} of {report.max_points:g} points"
        return f"{report.verdict}: {points} on {self.data}"

    @property
    def reason(self) -> str:
        """What limits the points, or why there are none. May hold a student's text, on several lines."""
        return what_limits(self.report, self.rubric) if self.report.verdict == "graded" else self.report.message

    @property
    def shortfall(self) -> str:
        """What ``--min-points`` asks for and is not there; empty where it is."""
        points = self.report.points or 0.0
        if self.report.verdict != "graded" or points >= self.min_points:
            return ""
        return f"{points:.3f} points, expected at least {self.min_points:g}"
