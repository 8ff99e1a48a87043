"""Sparsity against error, with lines along which the points are equal."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from grader.report.charts.axes import PLANE_HEIGHT, error_domain, left_domain, on_axes
from grader.report.charts.page import Chart
from grader.report.charts.parts import (
    LABELS,
    MAX_MARKS,
    Domain,
    Spec,
    counted,
    dots_of,
    even_steps,
    evenly,
    layer_of,
    percent,
    quoted,
    rounded,
    sentence,
    shortened,
)
from grader.report.inverse import error_for, score_for
from grader.rubric import Rubric

MAX_LABELS = 20
Kind = Literal["method", "reference", "student", "you"]
KINDS: dict[Kind, str] = {"student": "class", "method": "method", "reference": "reference", "you": "you"}
SIZES: dict[Kind, int] = {"student": 26, "reference": 90, "you": 170}  # square pixels
STAR = "M0,-1L.29,-.4L.95,-.31L.48,.15L.59,.81L0,.5L-.59,.81L-.48,.15L-.95,-.31L-.29,-.4Z"
MARK_TIPS = ("label", "kind", "sparsity", "mse", "points")


@dataclass(frozen=True, slots=True)
class Mark:
    """One result on the plane of sparsity and error."""

    label: str  # "" for anonymous ones
    sparsity: float  # 0..1
    mse: float
    points: float
    kind: Kind
    href: str | None = None  # a relative address that a click opens


def plane(marks: Sequence[Mark], rubric: Rubric) -> Chart:
    """Where results stand: sparsity to the right, error upwards, and lines along which the points are equal.

    Both axes are logarithmic, the first in what is left: from 0.9 to 0.99 is as far as from 0.99 to 0.999, because that is
    how much harder it gets. What lies outside is drawn on the edge.
    """
    usable = [mark for mark in marks if all(map(math.isfinite, (mark.sparsity, mark.mse, mark.points)))]
    shown = _chosen(usable)
    cap = rubric.score.mse_cap
    least_error = (error_for(rubric.points.max, 1.0, rubric) or cap) / 3
    across = left_domain([1 - mark.sparsity for mark in shown], low=0.003, high=0.5)
    up = error_domain([mark.mse for mark in shown], low=least_error, high=1.5 * cap, most=10 * cap)
    scale = Rubric(score=rubric.score, points=rubric.points)  # nothing else counts, and not every rubric has a hash
    layers = _levels(scale, across, up) + _mark_layers(shown)
    summary = _plane_summary(marks, usable, shown, rubric)
    return Chart("chart-plane", "Sparsity and error", summary, on_axes(across, up, layers))


def _chosen(marks: Sequence[Mark]) -> list[Mark]:
    """At most MAX_MARKS of them, evenly: students give way first."""
    named = evenly([mark for mark in marks if mark.kind != "student"], MAX_MARKS)
    return named + evenly([mark for mark in marks if mark.kind == "student"], MAX_MARKS - len(named))


def _mark_layers(marks: Sequence[Mark]) -> list[Spec]:
    """The students as a crowd, and all others above it with labels beside them."""
    order = list(KINDS)
    named = sorted((mark for mark in marks if mark.kind != "student"), key=lambda mark: (order.index(mark.kind), -mark.points))
    too_many = set([mark for mark in named if mark.kind == "method"][MAX_LABELS:])
    look = {
        "color": _by_kind([f"var(--chart-{kind})" for kind in KINDS], [k for k in KINDS if any(m.kind == k for m in marks)]),
        "shape": _by_kind(["circle", "circle", "diamond", STAR]),
        "size": {
            "condition": [{"test": f"datum.kind === '{KINDS[kind]}'", "value": size} for kind, size in SIZES.items()],
            "value": 60,
        },
    }
    layers = []
    # What the browser can work out is no part of the page: a class of 1,000 stands on each of its 1,000 pages.
    sparsity = {"calculate": "1 - datum.left", "as": "sparsity"}
    if crowd := [_mark_row(mark) for mark in marks if mark.kind == "student"]:
        kind = {"calculate": f"'{KINDS['student']}'", "as": "kind"}
        tips = MARK_TIPS[any("label" not in row for row in crowd) :]
        layers.append(dots_of("crowd", crowd, tips, look) | {"transform": [sparsity, kind]})
    if rows := [_named_row(mark) | ({"quiet": True} if mark in too_many else {}) for mark in named]:
        layers += [dots_of("named", rows, MARK_TIPS, look) | {"transform": [sparsity]}, LABELS]
    return layers


@lru_cache(maxsize=4 * MAX_MARKS)
def _mark_row(mark: Mark) -> Spec:
    row: Spec = {"left": rounded(1 - mark.sparsity, 6), "mse": rounded(mark.mse, 5), "points": rounded(mark.points, 4)}
    row |= {"label": shortened(mark.label)} if mark.label else {}
    return row | ({"href": mark.href} if mark.href else {})


def _named_row(mark: Mark) -> Spec:
    return _mark_row(mark) | {"kind": KINDS[mark.kind]} | ({"bold": True} if mark.kind in ("reference", "you") else {})


def _by_kind(values: Sequence[str], present: Sequence[Kind] = ()) -> Spec:
    scale = {"domain": list(KINDS.values()), "range": list(values)}
    legend = {"legend": {"title": None, "values": [KINDS[kind] for kind in present]}} if present else {}
    return {"field": "kind", "type": "nominal", "scale": scale} | legend


def _plane_summary(marks: Sequence[Mark], usable: Sequence[Mark], shown: Sequence[Mark], rubric: Rubric) -> str:
    full = rubric.points.max
    parts = [f"{counted(len(usable), 'result')} by sparsity and error, with lines of equal points"]
    parts += [_stands("you stand", mark, full) for mark in usable if mark.kind == "you"]
    if others := [mark for mark in usable if mark.kind in ("method", "reference")]:
        best = max(others, key=lambda mark: mark.points)
        parts.append(f"best of the others is {_stands(quoted(best.label or best.kind), best, full)}")
    error = error_for(full, 1.0, rubric)
    if error is not None:
        least = rubric.points.upper ** (1 / rubric.score.sparsity_exponent)
        parts.append(f"full points need a sparsity above {percent(least)} and an error below {error:.3g}")
    return sentence(parts, len(marks) - len(usable), len(usable), len(shown))


def _stands(name: str, mark: Mark, full: float) -> str:
    return f"{name} at sparsity {percent(mark.sparsity)} and error {mark.mse:.4g} with {mark.points:.3g} of {full:.3g} points"


@lru_cache(maxsize=64)
def _levels(rubric: Rubric, across: Domain, up: Domain) -> list[Spec]:
    """Lines of equal points with their points at the right edge; the area of full points is tinted."""
    full = rubric.points.max
    curves = {level: _curve(level, rubric, across, up) for level in even_steps(full)}
    rows = [{"points": level, "left": left, "mse": mse} for level, curve in curves.items() for left, mse in curve]
    lower = [row for row in rows if row["points"] != full]
    target = [row | {"floor": up[0]} for row in rows if row["points"] == full]
    order: Spec = {"field": "left"}
    text: Spec = {"type": "text", "style": "level-text", "align": "left", "dx": 5}
    return [
        layer_of(target, {"type": "area", "style": "level-area", "clip": True}, y2={"field": "floor"}),
        layer_of(lower, {"type": "line", "style": "level", "clip": True}, detail={"field": "points"}, order=order),
        layer_of(target, {"type": "line", "style": "level-full", "clip": True}, order=order),
        layer_of(_level_texts(curves, up), text, x={"value": "width"}, text={"field": "text"}),
        layer_of([{}], text | {"baseline": "bottom"}, x={"value": "width"}, y={"value": 0}, text={"value": "points"}),
    ]


def _curve(points: float, rubric: Rubric, across: Domain, up: Domain) -> list[tuple[float, float]]:
    """(share left, MSE) along one line of equal points within the axes, from the right edge to where it leaves them."""
    score, steps = score_for(points, rubric), 24
    shares = [across[0] * (across[1] / across[0]) ** (step / steps) for step in range(steps + 1)]
    for step in range(steps + 1):  # in even steps of the error too, because the line ends steeply
        fit = 1 - up[0] * (up[1] / up[0]) ** (step / steps) / rubric.score.mse_cap
        best = max(0.0, fit) ** rubric.score.mse_exponent  # the score without any parameter
        if best and best >= score:
            shares.append(1 - (score / best) ** (1 / rubric.score.sparsity_exponent))
    found = []
    for left in sorted(rounded(share, 7) for share in shares if across[0] <= share <= across[1]):
        mse = error_for(points, 1 - left, rubric)
        if mse is not None and 0.99 * up[0] <= mse <= up[1]:
            found.append((left, rounded(mse, 6)))
    return found


def _level_texts(curves: Mapping[float, Sequence[tuple[float, float]]], up: Domain) -> list[Spec]:
    """A text at the right end of each line, leaving out those that would touch another; the lowest and the highest stay."""
    ends = {level: curve[0][1] for level, curve in curves.items() if curve}
    heights = {level: PLANE_HEIGHT * math.log(up[1] / mse) / math.log(up[1] / up[0]) for level, mse in ends.items()}
    levels, kept = list(ends), list[float]()
    for level in [*levels[:1], *levels[:0:-1]]:
        if all(abs(heights[level] - heights[other]) >= 13 for other in kept):
            kept.append(level)
    return [{"left": curves[level][0][0], "mse": ends[level], "text": f"{level:.4g}"} for level in kept]
