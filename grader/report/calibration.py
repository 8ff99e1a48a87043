"""What the points scale makes of a ladder of methods: where it cuts, what it can't tell apart, how it is divided. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from itertools import pairwise

from grader.report.schema import About, Calibration, InstanceReport, MethodReport, Report, Tier
from grader.rubric import Rubric

JUST_NOTICEABLE = 0.005  # points: half of what a mark in hundredths shows
TIER_GAP = 0.02  # of the maximum: neighbours further apart than that stand in different tiers


def calibrate(
    reports: Sequence[Report], rubric: Rubric, about: About, *, against: Rubric | None, students: Sequence[float] | None
) -> Calibration:
    """The table of a graded ladder.

    ``about`` says how it was graded, ``against`` is another rubric to compare with, ``students`` the points of a batch's.
    """
    ranked = sorted(reports, key=lambda one: (-(points_under(rubric, one.instances) or 0.0), -(one.score or 0.0), one.student))
    rungs = [points_under(rubric, one.instances) or 0.0 for one in ranked]
    placed = [None if students is None else _between(students, rungs, place) for place in range(len(rungs))]
    graded = [one for one in ranked if one.verdict == "graded"]
    return Calibration(
        rubric_digest=rubric.digest,
        task_digest=about.task_digest,
        grader_version=about.grader_version,
        environment=about.environment,
        isolation=about.isolation,
        instances=len(reports[0].instances),
        lower=rubric.points.lower,
        upper=rubric.points.upper,
        max_points=rubric.points.max,
        methods=[_method(one, rubric, against, count) for one, count in zip(ranked, placed, strict=True)],
        full_points=[one.student for one in graded if all((i.score or 0.0) >= rubric.points.upper for i in one.instances)],
        no_points=[one.student for one in graded if all(not i.points for i in one.instances)],
        indistinct=[(better.student, worse.student) for better, worse in pairwise(graded) if _alike(better, worse, rubric)],
        tiers=_tiers(graded, rubric),
        students=None if students is None else len(students),
        students_below=None if students is None else sum(points < min(rungs) for points in students),
    )


def points_under(rubric: Rubric, instances: Sequence[InstanceReport]) -> float | None:
    """Mean points of the instances, criteria aside; None where the grader still owes one of them a result."""
    points = []
    for one in instances:
        if one.verdict == "not_graded":
            return None
        graded = one.mse is not None and one.sparsity is not None
        points.append(rubric.points_of(rubric.score_of(one.mse or 0.0, one.sparsity or 0.0)) if graded else 0.0)
    return statistics.fmean(points)


def _method(one: Report, rubric: Rubric, against: Rubric | None, students: int | None) -> MethodReport:
    points = [0.0 if i.score is None else rubric.points_of(i.score) for i in one.instances]
    owed = one.verdict == "not_graded"
    seconds = [i.seconds for i in one.instances if i.seconds is not None]
    cpu_seconds = [i.cpu_seconds for i in one.instances if i.cpu_seconds is not None]
    return MethodReport(
        name=one.student,
        verdict=one.verdict,
        message=one.message,
        sparsity=one.sparsity,
        mse=one.mse,
        score=one.score,
        points=points_under(rubric, one.instances),
        lowest=None if owed else min(points),
        highest=None if owed else max(points),
        before=points_under(against, one.instances) if against else None,
        seconds=statistics.fmean(seconds) if seconds else None,
        cpu_seconds=statistics.fmean(cpu_seconds) if cpu_seconds else None,
        students=students,
    )


def _between(students: Sequence[float], rungs: Sequence[float], place: int) -> int:
    """Students at or above a rung and below the one before it; of equal rungs the first takes all."""
    ceiling = rungs[place - 1] if place else float("inf")
    return sum(rungs[place] <= points < ceiling for points in students)


def _alike(better: Report, worse: Report, rubric: Rubric) -> bool:
    """Whether the mean difference on the same instances is too small to notice, or within its own spread over them."""
    pairs = zip(better.instances, worse.instances, strict=True)
    gaps = [rubric.points_of(a.score or 0.0) - rubric.points_of(b.score or 0.0) for a, b in pairs]
    spread = statistics.stdev(gaps) if len(gaps) > 1 else 0.0
    return statistics.fmean(gaps) <= max(JUST_NOTICEABLE, spread)


def _tiers(ranked: Sequence[Report], rubric: Rubric) -> list[Tier]:
    groups: list[list[tuple[str, float]]] = []
    for one in ranked:
        points = points_under(rubric, one.instances) or 0.0
        if not groups or groups[-1][-1][1] - points > TIER_GAP * rubric.points.max:
            groups.append([])
        groups[-1].append((one.student, points))
    tiers, above = [], rubric.points.max
    for group in groups:
        lowest = group[-1][1]
        tiers.append(
            Tier(
                methods=[name for name, _ in group],
                lowest=lowest,
                highest=group[0][1],
                share=min(1.0, max(0.0, (above - lowest) / rubric.points.max)),
            )
        )
        above = lowest
    return tiers
