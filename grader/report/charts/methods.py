"""Points of methods."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from grader.report.charts.page import Chart
from grader.report.charts.parts import (
    Spec,
    bounds_at,
    column_of,
    counted,
    in_lines,
    layer_of,
    on_rows,
    points_axis,
    quoted,
    rounded,
    sentence,
    shortened,
    tooltip,
)
from grader.rubric import Rubric


@dataclass(frozen=True, slots=True)
class Rung:
    """A method's points: their mean over the instances, the lowest and the highest."""

    label: str
    points: float
    low: float
    high: float


def rungs(rows: Sequence[Rung], rubric: Rubric, students: Sequence[float] = ()) -> Chart:
    """Methods by points, each with its spread over the instances, and below them where the students are on the same axis."""
    usable = sorted((row for row in rows if math.isfinite(row.points)), key=lambda row: -row.points)
    points = [value for value in students if math.isfinite(value)]
    full = rubric.points.max
    found = [
        {
            "row": place,
            "label": shortened(row.label),
            "points": rounded(row.points, 4),
            "low": rounded(row.low if math.isfinite(row.low) else row.points, 4),
            "high": rounded(row.high if math.isfinite(row.high) else row.points, 4),
            "text": f"{row.points:.2f}",
        }
        for place, row in enumerate(usable)
    ]
    layers = [
        bounds_at([0, full]),
        layer_of(found, {"type": "rule", "style": "spread"}, x={"field": "low"}, x2={"field": "high"}),
        layer_of(
            found, {"type": "circle", "style": "dot", "size": 70, "opacity": 1}, tooltip=tooltip("label", "points", "low", "high")
        ),
        column_of(found),
    ]
    labels = [in_lines(row.label) for row in usable]
    if points:
        labels.append([f"class ({len(points):,})"])
        layers.append(_crowd(points, full, row=len(found)))
    spec = on_rows(labels, points_axis(full), layers)
    return Chart("chart-rungs", "Methods by points", _rungs_summary(usable, points, len(rows), full), spec)


def _crowd(points: Sequence[float], full: float, row: int) -> Spec:
    """A histogram on one row: ticks as long as students are many."""
    bins = 60
    counts = [0] * (bins + 1)
    for value in points:
        counts[round(min(1.0, max(0.0, value / full)) * bins)] += 1
    found = [{"row": row, "points": rounded(full * place / bins, 4), "students": n} for place, n in enumerate(counts) if n]
    length = {"type": "sqrt", "domain": [0, max(counts)], "range": [4, 26]}
    return layer_of(
        found,
        {"type": "tick", "style": "crowd", "orient": "vertical", "thickness": 3, "cornerRadius": 1},
        size={"field": "students", "type": "quantitative", "scale": length, "legend": None},
        tooltip=[{"field": "points", "title": "points, about", "format": ".2f"}, {"field": "students", "type": "quantitative"}],
    )


def _rungs_summary(rows: Sequence[Rung], points: Sequence[float], given: int, full: float) -> str:
    parts = [f"{counted(len(rows), 'method')} by points of {full:.3g}"]
    if rows:
        parts[0] += (
            f", from {quoted(rows[-1].label)} with {rows[-1].points:.3g} to {quoted(rows[0].label)} with {rows[0].points:.3g}"
        )
    if points:
        parts.append(f"the median of {counted(len(points), 'student')} is {statistics.median(points):.3g}")
    return sentence(parts, given - len(rows))
