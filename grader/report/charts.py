"""The charts of all pages: measurements become Vega-Lite specifications with their data inside, nothing is loaded.

Every chart comes with a sentence that says its main figures, for whoever can't see it. Colours and letters are not chosen
here but in assets/charts.js, by the names of styles, so that a page's charts follow its colour scheme. A layer "named" with
a layer "labels" after it gets its labels placed there, none over another, around what stands in "levels" and "crowd".
"""

from __future__ import annotations

import base64
import bisect
import hashlib
import itertools
import json
import math
import re
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar

from markupsafe import Markup

from grader.formulas import PARAMETER_COUNT, PARAMETER_SHAPES
from grader.picture import EDGES
from grader.report.text import one_line
from grader.rubric import Rubric

MAX_MARKS = 2_000  # drawn in one chart: more can't be told apart, and would make pages slow
MAX_LABELS = 20
MAX_BARS = 40
LEVELS = 5  # lines of equal points between 0 and the maximum
MAX_SERIES = 6  # lines that colours and shapes tell apart
LABEL = 80  # characters of a label; longer ones lose their middle
PER_DECADE = round(1 / math.log10(EDGES[1] / EDGES[0]))  # bins of a picture's histogram
GAP = 0.5  # decades left free on either side of zero
NO_ZEROS_LEFT = 0.0005  # the share of parameters that are not zero at the plane's right edge, at the least

ASSETS = Path(__file__).parent / "assets"
# In the order in which they need each other.
SCRIPTS = ("vendor/vega.min.js", "vendor/vega-lite.min.js", "vendor/vega-interpreter.js", "charts.js")
LICENCES = {
    "vendor/vega.min.js": ("vendor/vega.LICENSE", "vendor/vega.bundled.LICENSE"),
    "vendor/vega-lite.min.js": ("vendor/vega-lite.LICENSE",),
    "vendor/vega-interpreter.js": ("vendor/vega-interpreter.LICENSE",),
}
SHIPPED = (*SCRIPTS, *(licence for licences in LICENCES.values() for licence in licences))  # what a folder of assets needs

Kind = Literal["method", "reference", "student", "you"]
Spec = dict[str, Any]  # a Vega-Lite specification or part of one
Domain = tuple[float, float]  # both ends of an axis
Row = Mapping[str, float | str | None]
Item = TypeVar("Item")

KINDS: dict[Kind, str] = {"student": "class", "method": "method", "reference": "reference", "you": "you"}
SIZES: dict[Kind, int] = {"student": 26, "reference": 90, "you": 170}  # square pixels
STAR = "M0,-1L.29,-.4L.95,-.31L.48,.15L.59,.81L0,.5L-.59,.81L-.48,.15L-.95,-.31L-.29,-.4Z"
MEASURED = {"setting", "score", "points", "mse", "sparsity"}  # of a sweep's row; all other keys are parameters


@dataclass(frozen=True, slots=True)
class Chart:
    """What a page shows as a figure."""

    id: str  # unique in its page
    title: str
    summary: str  # one sentence in place of the picture
    spec: Spec


@dataclass(frozen=True, slots=True)
class Mark:
    """One result on the plane of sparsity and error."""

    label: str  # "" for anonymous ones
    sparsity: float  # 0..1
    mse: float
    points: float
    kind: Kind
    href: str | None = None  # a relative address that a click opens


@dataclass(frozen=True, slots=True)
class Rung:
    """A method's points: their mean over the instances, the lowest and the highest."""

    label: str
    points: float
    low: float
    high: float


class Sampled(Protocol):
    """A model's weights, or some of them, as (index among all 142,346 parameters, value)."""

    def samples(self) -> Sequence[tuple[int, float]]: ...


@dataclass(frozen=True, slots=True)
class Scripts:
    """What draws a page's charts: ``tags`` for the end of its body, ``source`` for its policy's script-src."""

    tags: Markup
    source: str


# Into the page


def figure(chart: Chart) -> Markup:
    """The chart as HTML: title and summary to read, and the specification that charts.js draws from."""
    return Markup(
        '<figure class="chart" data-spec="{id}">\n<figcaption><strong>{title}</strong> {summary}</figcaption>\n'
        '<div class="chart-canvas"></div>\n</figure>\n<script type="application/json" id="{id}">{json}</script>'
    ).format(id=chart.id, title=chart.title, summary=chart.summary, json=data_block(chart.spec))


def data_block(spec: Spec) -> Markup:
    """JSON for a ``<script type="application/json">``, which no policy needs to permit, and which no text in it can end."""
    return Markup(json.dumps(spec, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c"))


@cache
def scripts(assets: str | None) -> Scripts:
    """The scripts from the folder ``assets``, relative to the page; None puts them into the page, so that one file is all.

    Neither way needs eval or inline scripts in general: inlined ones are allowed by their hashes.
    """
    if assets is not None:
        tags = [Markup('<script src="{}/{}" defer></script>').format(assets, name) for name in SCRIPTS]
        # Browsers disagree whether 'self' covers a page opened from disk; file: is meaningless on the web.
        return Scripts(Markup("\n").join(tags), "'self' file:")
    texts = [_inline(name) for name in SCRIPTS]
    sources = ("'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'" for text in texts)
    return Scripts(Markup("\n").join(Markup(f"<script>{text}</script>") for text in texts), " ".join(sources))


def _inline(name: str) -> str:
    """A script's text with its licences before it, which end with whoever passes the page on."""
    licences = "".join(f"/*\n{(ASSETS / path).read_text('utf-8').replace('*/', '* /')}*/\n" for path in LICENCES.get(name, ()))
    text = licences + (ASSETS / name).read_text("utf-8")
    # Both mean the same within JavaScript's texts and regular expressions, the only places where they stand.
    return re.sub(r"</(?=script)", r"<\\/", text, flags=re.IGNORECASE).replace("<!--", "<\\!--")


# Sparsity against error


def error_for(points: float, sparsity: float, rubric: Rubric) -> float | None:
    """The highest MSE that gives ``points`` at this sparsity; None where even no error would not be enough.

    Inverse of the rubric's formulas: points = points_of((1 - mse/cap)^a * sparsity^b).
    """
    score = _score_for(points, rubric)
    reach: float = max(0.0, sparsity) ** rubric.score.sparsity_exponent  # the score without any error
    if reach < score or not reach:
        return None
    fit: float = (score / reach) ** (1 / rubric.score.mse_exponent)
    return rubric.score.mse_cap * (1 - fit)


def sparsity_for(points: float, mse: float, rubric: Rubric) -> float | None:
    """The lowest sparsity that gives ``points`` at this MSE; None where even nothing but zeros would not be enough."""
    score = _score_for(points, rubric)
    reach: float = max(0.0, 1 - mse / rubric.score.mse_cap) ** rubric.score.mse_exponent  # the score without any parameter
    if reach < score or not reach:
        return None
    least: float = (score / reach) ** (1 / rubric.score.sparsity_exponent)
    return least


def _score_for(points: float, rubric: Rubric) -> float:
    return rubric.points.lower + points / rubric.points.max * (rubric.points.upper - rubric.points.lower)


def plane(marks: Sequence[Mark], rubric: Rubric) -> Chart:
    """Where results stand: sparsity to the right, error upwards, and lines along which the points are equal.

    Both axes are logarithmic, the first in what is left: from 0.9 to 0.99 is as far as from 0.99 to 0.999, because that is
    how much harder it gets. What lies outside is drawn on the edge.
    """
    usable = [mark for mark in marks if all(map(math.isfinite, (mark.sparsity, mark.mse, mark.points)))]
    shown = _chosen(usable)
    cap = rubric.score.mse_cap
    least_error = (error_for(rubric.points.max, 1.0, rubric) or cap) / 3
    across = _left_domain([1 - mark.sparsity for mark in shown], low=0.003, high=0.5)
    up = _error_domain([mark.mse for mark in shown], low=least_error, high=1.5 * cap, most=10 * cap)
    scale = Rubric(score=rubric.score, points=rubric.points)  # nothing else counts, and not every rubric has a hash
    layers = _levels(scale, across, up) + _mark_layers(shown)
    summary = _plane_summary(marks, usable, shown, rubric)
    return Chart("chart-plane", "Sparsity and error", summary, _on_axes(across, up, layers))


def _chosen(marks: Sequence[Mark]) -> list[Mark]:
    """At most MAX_MARKS of them, evenly: students give way first."""
    named = evenly([mark for mark in marks if mark.kind != "student"], MAX_MARKS)
    return named + evenly([mark for mark in marks if mark.kind == "student"], MAX_MARKS - len(named))


def evenly(items: Sequence[Item], most: int) -> list[Item]:
    """At most so many of the items, from the first on and equally far apart."""
    return list(items) if len(items) <= most else [items[index * len(items) // most] for index in range(most)]


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
        layers.append(_dots("crowd", crowd, tips, look) | {"transform": [sparsity, kind]})
    if rows := [_named_row(mark) | ({"quiet": True} if mark in too_many else {}) for mark in named]:
        layers += [_dots("named", rows, MARK_TIPS, look) | {"transform": [sparsity]}, LABELS]
    return layers


@lru_cache(maxsize=4 * MAX_MARKS)
def _mark_row(mark: Mark) -> Spec:
    row: Spec = {"left": _figure(1 - mark.sparsity, 6), "mse": _figure(mark.mse, 5), "points": _figure(mark.points, 4)}
    row |= {"label": _label(mark.label)} if mark.label else {}
    return row | ({"href": mark.href} if mark.href else {})


def _named_row(mark: Mark) -> Spec:
    return _mark_row(mark) | {"kind": KINDS[mark.kind]} | ({"bold": True} if mark.kind in ("reference", "you") else {})


def _by_kind(values: Sequence[str], present: Sequence[Kind] = ()) -> Spec:
    scale = {"domain": list(KINDS.values()), "range": list(values)}
    legend = {"legend": {"title": None, "values": [KINDS[kind] for kind in present]}} if present else {}
    return {"field": "kind", "type": "nominal", "scale": scale} | legend


def _plane_summary(marks: Sequence[Mark], usable: Sequence[Mark], shown: Sequence[Mark], rubric: Rubric) -> str:
    full = rubric.points.max
    parts = [f"{_count(len(usable), 'result')} by sparsity and error, with lines of equal points"]
    parts += [_stands("you stand", mark, full) for mark in usable if mark.kind == "you"]
    if others := [mark for mark in usable if mark.kind in ("method", "reference")]:
        best = max(others, key=lambda mark: mark.points)
        parts.append(f"best of the others is {_stands(_quoted(best.label or best.kind), best, full)}")
    error = error_for(full, 1.0, rubric)
    if error is not None:
        least = rubric.points.upper ** (1 / rubric.score.sparsity_exponent)
        parts.append(f"full points need a sparsity above {_percent(least)} and an error below {error:.3g}")
    return _sentence(parts, len(marks) - len(usable), len(usable), len(shown))


def _stands(name: str, mark: Mark, full: float) -> str:
    return f"{name} at sparsity {_percent(mark.sparsity)} and error {mark.mse:.4g} with {mark.points:.3g} of {full:.3g} points"


@lru_cache(maxsize=64)
def _levels(rubric: Rubric, across: Domain, up: Domain) -> list[Spec]:
    """Lines of equal points with their points at the right edge; the area of full points is tinted."""
    full = rubric.points.max
    curves = {level: _curve(level, rubric, across, up) for level in _steps(full)}
    rows = [{"points": level, "left": left, "mse": mse} for level, curve in curves.items() for left, mse in curve]
    lower = [row for row in rows if row["points"] != full]
    target = [row | {"floor": up[0]} for row in rows if row["points"] == full]
    order: Spec = {"field": "left"}
    text: Spec = {"type": "text", "style": "level-text", "align": "left", "dx": 5}
    return [
        _layer(target, {"type": "area", "style": "level-area", "clip": True}, y2={"field": "floor"}),
        _layer(lower, {"type": "line", "style": "level", "clip": True}, detail={"field": "points"}, order=order),
        _layer(target, {"type": "line", "style": "level-full", "clip": True}, order=order),
        _layer(_level_texts(curves, up), text, x={"value": "width"}, text={"field": "text"}),
        _layer([{}], text | {"baseline": "bottom"}, x={"value": "width"}, y={"value": 0}, text={"value": "points"}),
    ]


def _steps(maximum: float) -> list[float]:
    """The points of the lines, and of the ticks wherever an axis has points."""
    return [_figure(maximum * step / LEVELS, 4) for step in range(LEVELS)] + [maximum]


def _curve(points: float, rubric: Rubric, across: Domain, up: Domain) -> list[tuple[float, float]]:
    """(share left, MSE) along one line of equal points within the axes, from the right edge to where it leaves them."""
    score, steps = _score_for(points, rubric), 24
    shares = [across[0] * (across[1] / across[0]) ** (step / steps) for step in range(steps + 1)]
    for step in range(steps + 1):  # in even steps of the error too, because the line ends steeply
        fit = 1 - up[0] * (up[1] / up[0]) ** (step / steps) / rubric.score.mse_cap
        best = max(0.0, fit) ** rubric.score.mse_exponent  # the score without any parameter
        if best and best >= score:
            shares.append(1 - (score / best) ** (1 / rubric.score.sparsity_exponent))
    found = []
    for left in sorted(_figure(share, 7) for share in shares if across[0] <= share <= across[1]):
        mse = error_for(points, 1 - left, rubric)
        if mse is not None and 0.99 * up[0] <= mse <= up[1]:
            found.append((left, _figure(mse, 6)))
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


def _left_domain(shares: Sequence[float], low: float = 1.0, high: float = 0.0) -> Domain:
    """From the right edge to the left one, in shares of parameters that are not zero: at least from ``low`` to ``high``."""
    positive = [share for share in shares if share > 0] or [0.1]
    return max(NO_ZEROS_LEFT, min(low, min(positive) / 1.3)), min(1.0, max(high, 1.3 * max(positive)))


def _error_domain(errors: Sequence[float], low: float, high: float, most: float) -> Domain:
    """From the lowest to the highest error in sight: at least ``low`` to ``high``, at most five decades and ``most``."""
    top = min(most, max([high, *(1.3 * error for error in errors)]))
    bottom = max(top / 1e5, min([low, *(error / 1.5 for error in errors if error > 0)]))
    return _figure(bottom, 3), _figure(top, 3)


def _on_axes(across: Domain, up: Domain, layers: Sequence[Spec]) -> Spec:
    """The layers over an axis of sparsity and one of error."""
    lefts = [_figure(1 - sparsity, 6) for sparsity in SPARSITY_TICKS]
    errors = [step * 10.0**power for power in range(-12, 25) for step in (1, 2, 5)]
    return {
        "width": "container",
        "height": PLANE_HEIGHT,
        "encoding": {
            "x": _quantity(
                "left",
                {"type": "log", "domain": across, "reverse": True, "nice": False, "clamp": True},
                title="sparsity",
                values=[left for left in lefts if across[0] <= left <= across[1]],
                labelExpr="format(1 - datum.value, '.3~%')",
            ),
            "y": _quantity(
                "mse",
                {"type": "log", "domain": up, "nice": False, "clamp": True},
                title="error (MSE)",
                values=[error for error in errors if up[0] <= error <= up[1]],
                labelExpr="format(datum.value, datum.value < 1 ? '~g' : ',d')",
            ),
        },
        "layer": list(layers),
    }


# Points of methods


def rungs(rows: Sequence[Rung], rubric: Rubric, students: Sequence[float] = ()) -> Chart:
    """Methods by points, each with its spread over the instances, and below them where the students are on the same axis."""
    usable = sorted((row for row in rows if math.isfinite(row.points)), key=lambda row: -row.points)
    points = [value for value in students if math.isfinite(value)]
    full = rubric.points.max
    found = [
        {
            "row": place,
            "label": _label(row.label),
            "points": _figure(row.points, 4),
            "low": _figure(row.low if math.isfinite(row.low) else row.points, 4),
            "high": _figure(row.high if math.isfinite(row.high) else row.points, 4),
            "text": f"{row.points:.2f}",
        }
        for place, row in enumerate(usable)
    ]
    layers = [
        _bounds([0, full]),
        _layer(found, {"type": "rule", "style": "spread"}, x={"field": "low"}, x2={"field": "high"}),
        _layer(
            found, {"type": "circle", "style": "dot", "size": 70, "opacity": 1}, tooltip=_tips("label", "points", "low", "high")
        ),
        _values(found),
    ]
    labels = [_pieces(row.label) for row in usable]
    if points:
        labels.append([f"class ({len(points):,})"])
        layers.append(_crowd(points, full, row=len(found)))
    spec = _on_rows(labels, _points_axis(full), layers)
    return Chart("chart-rungs", "Methods by points", _rungs_summary(usable, points, len(rows), full), spec)


def _crowd(points: Sequence[float], full: float, row: int) -> Spec:
    """A histogram on one row: ticks as long as students are many."""
    bins = 60
    counts = [0] * (bins + 1)
    for value in points:
        counts[round(min(1.0, max(0.0, value / full)) * bins)] += 1
    found = [{"row": row, "points": _figure(full * place / bins, 4), "students": n} for place, n in enumerate(counts) if n]
    length = {"type": "sqrt", "domain": [0, max(counts)], "range": [4, 26]}
    return _layer(
        found,
        {"type": "tick", "style": "crowd", "orient": "vertical", "thickness": 3, "cornerRadius": 1},
        size={"field": "students", "type": "quantitative", "scale": length, "legend": None},
        tooltip=[{"field": "points", "title": "points, about", "format": ".2f"}, {"field": "students", "type": "quantitative"}],
    )


def _rungs_summary(rows: Sequence[Rung], points: Sequence[float], given: int, full: float) -> str:
    parts = [f"{_count(len(rows), 'method')} by points of {full:.3g}"]
    if rows:
        parts[0] += (
            f", from {_quoted(rows[-1].label)} with {rows[-1].points:.3g} to {_quoted(rows[0].label)} with {rows[0].points:.3g}"
        )
    if points:
        parts.append(f"the median of {_count(len(points), 'student')} is {statistics.median(points):.3g}")
    return _sentence(parts, given - len(rows))


# Weights and layers


def weights_by_index(pictures: Mapping[str, Sampled]) -> Chart:
    """The magnitude of weights along the model, in the order in which its parameters travel: one panel for each model.

    Magnitudes stand on a logarithmic axis, so zeros are left out.
    """
    sampled = {_label(label): list(picture.samples()) for label, picture in pictures.items()}
    nonzero = {label: sorted((i, abs(w)) for i, w in found if w and math.isfinite(w)) for label, found in sampled.items()}
    sizes = [w for found in nonzero.values() for _, w in found] or [1.0]
    up = _figure(max(min(sizes) / 1.3, max(sizes) / 1e7), 2), _figure(1.5 * max(sizes), 2)
    shown = {label: evenly(found, MAX_MARKS // len(nonzero)) for label, found in nonzero.items()}
    parts = ["Magnitude of weights that are not zero against their index"]
    for label, found in nonzero.items():
        median = f", median magnitude {statistics.median(w for _, w in found):.3g}" if found else ""
        parts.append(f"{label}: {_count(len(found), 'chosen weight')}{median}")
    left_out = sum(not math.isfinite(w) for found in sampled.values() for _, w in found)
    total, drawn = sum(map(len, nonzero.values())), sum(map(len, shown.values()))
    panels = [_weights_panel(label, found, up) for label, found in shown.items()]
    spec = {"concat": panels, "spacing": 24}
    return Chart("chart-weights", "Weights by index", _sentence(parts, left_out, total, drawn), spec)


def _places() -> tuple[list[str], list[int]]:
    """The parameters' names, and the index at which each begins; the last is where all of them end."""
    return list(PARAMETER_SHAPES), [0, *itertools.accumulate(math.prod(shape) for shape in PARAMETER_SHAPES.values())]


@lru_cache(maxsize=8)  # the reference's stand on every page of a batch
def _weight_rows(found: tuple[tuple[int, float], ...]) -> list[Spec]:
    names, starts = _places()
    return [{"i": i, "w": _figure(w, 3), "in": names[bisect.bisect(starts, i) - 1]} for i, w in found if 0 <= i < starts[-1]]


def _weights_panel(title: str, found: Sequence[tuple[int, float]], up: Domain) -> Spec:
    rows, (names, starts) = _weight_rows(tuple(found)), _places()
    decades = [10.0**power for power in range(-30, 30) if up[0] <= 10.0**power <= up[1]]
    return {
        "title": title,
        "width": "container",
        "height": 240,
        "encoding": {
            "x": _quantity(
                "i",
                {"domain": [0, PARAMETER_COUNT], "nice": False},
                title="index of the parameter",
                labelExpr="format(datum.value, ',d')",
                tickCount=4,
                grid=False,
            ),
            "y": _quantity(
                "w",
                {"type": "log", "domain": up, "nice": False, "clamp": True},
                title="|weight|",
                values=decades,
                labelExpr=GENERAL,
            ),
        },
        "layer": [
            _layer([{"i": first} for first in starts[1:-1]], {"type": "rule", "style": "bound"}, y=None),
            _layer(
                rows,
                {"type": "circle", "size": 10 if len(rows) > 300 else 20, "opacity": 0.7},
                color={"field": "in", "type": "nominal", "scale": {"domain": names}, "legend": {"title": None}},
                tooltip=_tips("in", "i", "w"),
            ),
        ],
    }


def distribution(histograms: Mapping[str, Sequence[int]], id_: str, title: str) -> Chart:
    """How many weights lie where, with the line of zero between the negative and the positive ones: one panel for each entry.

    ``histograms`` are those of a picture. The axis is logarithmic on both sides of zero, and exact zeros stand in its gap
    only, so the page must tell how many they are. Counts stand on an axis of square roots: few are seen beside many.
    """
    given = {_label(label): counts for label, counts in histograms.items()}
    folded = [sum(pair) for pair in zip(*(_outwards(counts) for counts in given.values()), strict=True)]
    used = [place for place, count in enumerate(folded) if count] or [0]
    low, high = used[0] // PER_DECADE, used[-1] // PER_DECADE + 1  # decades above the smallest edge
    panels = [_distribution_panel(label, counts, low, high) for label, counts in given.items()]
    parts = ["How many weights are how large"]
    for label, counts in given.items():
        negative, total = sum(counts[: len(counts) // 2]), sum(counts)
        parts.append(f"{label}: {total:,} not zero, {negative:,} of them negative{_between(counts)}")
    spec: Spec = {"concat": panels, "spacing": 24} if len(panels) > 1 else {**panels[0], "title": ""}
    return Chart(id_, title, _sentence(parts, 0), spec)


def _outwards(counts: Sequence[int]) -> list[int]:
    """Counts of both signs by magnitude, the smallest first."""
    half = len(counts) // 2
    return [negative + positive for negative, positive in zip(counts[:half][::-1], counts[half:], strict=True)]


def magnitudes(counts: Sequence[int]) -> tuple[float, float, float] | None:
    """About the smallest, the median and the largest |w| of a picture's histogram, None where all are zero."""
    outwards = _outwards(counts)
    used = [place for place, count in enumerate(outwards) if count]
    if not used:
        return None
    upto = list(itertools.accumulate(outwards))
    middle = bisect.bisect_left(upto, upto[-1] / 2)
    return float(EDGES[used[0]]), math.sqrt(EDGES[middle] * EDGES[middle + 1]), float(EDGES[used[-1] + 1])


def size(magnitude: float) -> str:
    """A weight's magnitude to two digits, in plain notation where that is short: 0.0013, 1,300."""
    return f"{magnitude:.2g}" if magnitude < 100 else f"{_figure(magnitude, 2):,.0f}"


def _between(counts: Sequence[int]) -> str:
    found = magnitudes(counts)
    return f", from {size(found[0])} to {size(found[2])} in magnitude" if found else ""


def _distribution_panel(title: str, counts: Sequence[int], low: int, high: int) -> Spec:
    half = len(counts) // 2
    rows = []
    for index, number in enumerate(counts):
        if number:
            step, sign = (index - half, 1) if index >= half else (half - 1 - index, -1)
            near, far = (GAP + edge / PER_DECADE - low for edge in (step, step + 1))
            rows.append({"a": sign * near, "b": sign * far, "n": number, "of": f"{_edge(step, sign)} to {_edge(step + 1, sign)}"})
    decades = [GAP + step for step in range(high - low + 1)]
    reach = decades[-1]
    first = round(math.log10(EDGES[0])) + low
    power = f"abs(datum.value) - {GAP} + {first}"
    digits = f"format(pow(10, {power}), {power} > 2 ? '~s' : '~g')"
    axis = _quantity(
        "a",
        {"domain": [-reach, reach], "nice": False},
        title="weight",
        values=[*(-place for place in reversed(decades)), 0, *decades],
        labelExpr=f"datum.value === 0 ? '0' : (datum.value < 0 ? '\u2212' : '') + {digits}",
        grid=False,
    )
    top = {"type": "sqrt", "domain": [0, 1.05 * max(1, *counts)], "nice": False}
    count = _quantity("n", top, title="weights", tickCount=4, tickMinStep=1, format=",d")
    tips = [{"field": "of", "title": "weight", "type": "nominal"}, {"field": "n", "title": "how many", "format": ",d"}]
    return {
        "title": title,
        "width": "container",
        "height": 150,
        "encoding": {"x": axis},
        "layer": [
            _layer(rows, {"type": "bar", "style": "bar", "orient": "vertical"}, x2={"field": "b"}, y=count, tooltip=tips),
            _layer([{"a": 0}], {"type": "rule", "style": "bound"}),
        ],
    }


def _edge(step: int, sign: int) -> str:
    return ("\u2212" if sign < 0 else "") + size(float(EDGES[step]))


def layer_sparsity(rows: Mapping[str, Mapping[str, float]]) -> Chart:
    """Sparsity of each parameter, for each model by its label: ``{label: {"layers.0.weight": 0.99, ...}}``."""
    given = [(_label(label), name, share) for label, layers in rows.items() for name, share in layers.items()]
    usable = [(label, name, share) for label, name, share in given if math.isfinite(share)]
    order = [*PARAMETER_SHAPES, *sorted({name for _, name, _ in usable} - set(PARAMETER_SHAPES))]
    names = [name for name in order if any(name == other for _, other, _ in usable)]
    models = [_label(label) for label in rows]
    found = [
        {"row": names.index(name), "label": label, "in": _label(name), "sparsity": _figure(share, 6), "text": _percent(share)}
        for label, name, share in usable
    ]
    model: Spec = {"field": "label", "type": "nominal"}
    legend: Spec = {"legend": {"title": None} if len(models) > 1 else None}
    bar = {"type": "bar", "cornerRadiusEnd": 2}
    layers = [
        _layer(
            found,
            bar,
            color=model | {"scale": {"domain": models, "range": _model_colors(models)}} | legend,
            tooltip=_tips("label", "in", "sparsity"),
        ),
        _values(found),
    ]
    spec = _on_rows(
        [_pieces(name) for name in names],
        _quantity("sparsity", {"domain": [0, 1]}, title="sparsity", format="~%", **QUARTERS),
        layers,
    )
    spec["encoding"]["yOffset"] = model | {"scale": {"domain": models, "paddingInner": 0.15}}
    spec["height"] = max(1, len(names)) * (18 * len(models) + 10)
    parts = ["Sparsity of each parameter"]
    for model_label in models:
        shares = [f"{name} {_percent(share)}" for label, name, share in usable if label == model_label]
        parts.append(f"{model_label}: {', '.join(shares) or 'nothing'}")
    return Chart("chart-layers", "Sparsity of each layer", _sentence(parts, len(given) - len(usable)), spec)


def _model_colors(models: Sequence[str]) -> list[str]:
    """The colours that "you" and the reference have on the plane too, and others for everyone else."""
    free = itertools.cycle((1, 4, 5, 6))
    kinds = ["you" if model == "you" else "reference" if model.startswith("reference") else next(free) for model in models]
    return [f"var(--chart-{kind})" for kind in kinds]


# Sweeps


def sweep_scores(rows: Sequence[Row]) -> Chart:
    """A bar for each setting's score, the best first and in another colour."""
    axis = _quantity("score", {"domain": [0, 1]}, title="score", labelExpr=GENERAL, **QUARTERS)
    return _bars("chart-sweep-scores", "Score of each setting", rows, "score", axis, [])


def sweep_points(rows: Sequence[Row], maximum: float) -> Chart:
    """A bar for each setting's points, the best first, and a line at the maximum."""
    return _bars("chart-sweep-points", "Points of each setting", rows, "points", _points_axis(maximum), [_bounds([maximum])])


def _bars(id_: str, title: str, rows: Sequence[Row], key: str, axis: Spec, also: Sequence[Spec]) -> Chart:
    usable = sorted((row for row in rows if _number(row.get(key)) is not None), key=lambda row: -_finite(row, key))
    shown = usable[:MAX_BARS]
    found = [_sweep_row(row) | {"row": place, "text": f"{_finite(row, key):.3f}"} for place, row in enumerate(shown)]
    bar: Spec = {"type": "bar", "cornerRadiusEnd": 2}
    layers = [
        _layer(found[1:], bar | {"style": "bar"}, tooltip=_tips(*SWEEP_TIPS)),
        _layer(found[:1], bar | {"style": "bar-best"}, tooltip=_tips(*SWEEP_TIPS)),
        _values(found),
        *also,
    ]
    parts = [f"{_count(len(usable), 'setting')} by {key}"]
    if usable:
        best, worst = _finite(usable[0], key), _finite(usable[-1], key)
        parts += [f"best is {_quoted(_setting(usable[0]))} with {best:.4g}", f"worst has {worst:.4g}"]
    parts += [f"the best {len(shown)} are drawn"] * (len(shown) < len(usable))
    spec = _on_rows([_pieces(_setting(row)) for row in shown], axis, layers)
    return Chart(id_, title, _sentence(parts, len(rows) - len(usable)), spec)


def sweep_plane(rows: Sequence[Row]) -> Chart:
    """Where settings stand by sparsity and error: the higher the score, the further their colour is from the page's."""
    usable = [row for row in rows if all(_number(row.get(key)) is not None for key in ("mse", "sparsity", "score"))]
    shown = sorted(evenly(usable, MAX_MARKS), key=lambda row: _finite(row, "score"))
    best = max(usable, key=lambda row: _finite(row, "score"), default=None)
    found = [_sweep_row(row) | ({"label": _setting(row), "bold": True} if row is best else {"quiet": True}) for row in shown]
    errors = [_finite(row, "mse") for row in shown]
    middle = statistics.median([error for error in errors if error > 0] or [100.0])
    scores = [_finite(row, "score") for row in shown] or [0.0]
    low, high = min(scores), max(scores)
    scale = {
        "type": "quantize",
        "domain": [low, high if high > low else low + 0.01],
        "range": [f"var(--chart-step-{step})" for step in range(1, 6)],
    }
    color = {"field": "score", "type": "quantitative", "scale": scale, "legend": {"title": "score", "format": ".2f"}}
    dots = _dots("named", found, SWEEP_TIPS, {"color": color}, style="outlined", size=80)
    parts = [f"{_count(len(usable), 'setting')} by sparsity and error, coloured by score"]
    if best is not None:
        place = f"sparsity {_percent(_finite(best, 'sparsity'))} and error {_finite(best, 'mse'):.4g}"
        parts.append(f"best is {_quoted(_setting(best))} at {place} with score {_finite(best, 'score'):.4g}")
    across = _left_domain([1 - _finite(row, "sparsity") for row in shown])
    spec = _on_axes(across, _error_domain(errors, middle / 2, middle * 2, 1e5 * middle), [dots, LABELS])
    summary = _sentence(parts, len(rows) - len(usable), len(usable), len(shown))
    return Chart("chart-sweep-plane", "Sparsity and error of each setting", summary, spec)


def sweep_against(rows: Sequence[Row], parameter: str) -> Chart:
    """The score against one parameter: a line for each value of the other one, where exactly one other varies.

    Where several others vary, a broken line joins the best score at each value. Values that are no numbers get no lines.
    """
    usable = [row for row in rows if _number(row.get("score")) is not None and row.get(parameter) is not None]
    shown = evenly(usable, MAX_MARKS)
    numeric = all(_number(row[parameter]) is not None for row in shown)
    found = [_sweep_row(row) | {"at": row[parameter] if numeric else _value(row[parameter])} for row in shown]
    names = {name for row in shown for name in row} - MEASURED - {parameter}
    others = {name: values for name in names if len(values := {row.get(name) for row in shown}) > 1}
    series = next(iter(others)) if len(others) == 1 and len(*others.values()) <= MAX_SERIES else None
    if series:
        for row, source in zip(found, shown, strict=True):
            row["series"] = _value(source.get(series))
        by = {"title": _label(series), "values": [_value(value) for value in sorted(others[series], key=_rank)]}
        layers = _series_layers(found, by, numeric)
    else:
        layers = _best_layers(found, numeric, quiet=bool(others))
    score = _quantity("score", {"zero": False, "nice": True, "padding": 8}, title="score", tickCount=6)
    axis = _parameter_axis(_label(parameter), [row["at"] for row in found], numeric)
    spec = {"width": "container", "height": 280, "encoding": {"x": axis, "y": score}, "layer": layers}
    parts = [
        f"Score of {_count(len(usable), 'setting')} against {_label(parameter)}" + (f", by {_label(series)}" if series else "")
    ]
    if usable:
        best = max(usable, key=lambda row: _finite(row, "score"))
        parts.append(f"best is {_value(best[parameter])} with {_finite(best, 'score'):.4g} ({_setting(best)})")
    slug = re.sub(r"[^A-Za-z0-9_]", "-", parameter)
    summary = _sentence(parts, len(rows) - len(usable), len(usable), len(shown))
    return Chart(f"chart-sweep-against-{slug}", f"Score against {_label(parameter)}", summary, spec)


def _parameter_axis(title: str, values: Sequence[Any], numeric: bool) -> Spec:
    if not numeric:
        scale = {"type": "point", "padding": 0.5}
        return {"field": "at", "type": "ordinal", "scale": scale, "axis": {"title": title, "labelAngle": 0, "labelLimit": 120}}
    wide = bool(values) and min(values) > 0 and max(values) >= 10 * min(values)
    scale = {"nice": False, "padding": 12} | ({"type": "log"} if wide else {"zero": False})
    own = {"values": sorted(set(values))} if len(set(values)) <= 12 else {}  # ticks at a grid's own values
    return _quantity("at", scale, title=title, labelExpr=GENERAL, grid=False, **own)


def _series_layers(rows: Sequence[Spec], by: Spec, numeric: bool) -> list[Spec]:
    series = {"field": "series", "type": "nominal", "scale": {"domain": by["values"]}, "legend": {"title": by["title"]}}
    line = _layer(rows, {"type": "line", "style": "line"}, color=series)
    return [line] * numeric + [_layer(rows, DOT, color=series, shape=series, tooltip=_tips(*SWEEP_TIPS))]


def _best_layers(rows: Sequence[Spec], numeric: bool, quiet: bool) -> list[Spec]:
    best: dict[float, Spec] = {}
    for row in sorted(rows, key=lambda row: float(row["score"])):
        best[row["at"]] = {"at": row["at"], "score": row["score"]}
    joins = numeric and (not quiet or len(best) < len(rows))  # a best of one is none
    color: Spec = {"value": "var(--chart-1)"}
    mark = {"type": "line", "style": "line-quiet" if quiet else "line"}
    line = _layer(list(best.values()), mark, color={"value": "var(--chart-axis)"} if quiet else color)
    return [line] * joins + [_layer(rows, DOT, color=color, tooltip=_tips(*SWEEP_TIPS))]


def _sweep_row(row: Row) -> Spec:
    """What marks and tooltips show of a setting; "left" is what its sparsity leaves."""
    measured = {key: value for key in ("score", "points", "mse", "sparsity") if (value := _number(row.get(key))) is not None}
    left = {"left": 1 - measured["sparsity"]} if "sparsity" in measured else {}
    return {key: _figure(value, 6) for key, value in (measured | left).items()} | {"setting": _setting(row)}


def _setting(row: Row) -> str:
    return _label(str(row.get("setting") or "")) or "default"


def _value(value: float | str | None) -> str:
    return "default" if value is None else f"{value:g}" if _number(value) is not None else _label(str(value))


def _rank(value: float | str | None) -> tuple[bool, float, str]:
    """Numbers in their order, then everything else in its."""
    number = _number(value)
    return number is None, number or 0.0, str(value)


def _number(value: float | str | None) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value) else None


def _finite(row: Row, key: str) -> float:
    """The figure of a row that is known to have it."""
    value = _number(row.get(key))
    assert value is not None, key
    return value


# What the specifications are made of

PLANE_HEIGHT = 380  # pixels, as all sizes here
SPARSITY_TICKS = (0, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995)
GENERAL = "format(datum.value, '~g')"  # labels with all their digits; "format" would round them to the axis's steps
QUARTERS: Spec = {"values": [0, 0.25, 0.5, 0.75, 1], "labelOverlap": "parity"}  # where there is no room: 0, a half, 1
DOT: Spec = {"type": "point", "filled": True, "size": 70, "style": "mark", "opacity": 1}
# charts.js replaces its data by the marks of the layer "named".
LABELS: Spec = {
    "name": "labels",
    "data": {"values": [{}]},
    "mark": {"type": "text", "style": "label"},
    "encoding": {"x": {"value": 0}, "y": {"value": 0}, "text": {"value": ""}},
}
MARK_TIPS = ("label", "kind", "sparsity", "mse", "points")
SWEEP_TIPS = ("setting", "score", "points", "sparsity", "mse")
TIPS: dict[str, tuple[str, str | None]] = {  # field -> title and format
    "label": ("name", None),
    "kind": ("kind", None),
    "setting": ("setting", None),
    "in": ("parameter", None),
    "sparsity": ("sparsity", ".3~%"),
    "mse": ("error (MSE)", ",.4~r"),
    "points": ("points", ".3~f"),
    "score": ("score", ".4~f"),
    "low": ("lowest instance", ".3~f"),
    "high": ("highest instance", ".3~f"),
    "i": ("index", ",d"),
    "w": ("|weight|", ".3~g"),
}


def _tips(*fields: str) -> list[Spec]:
    """The lines of a tooltip."""
    found = []
    for field in fields:
        title, shape = TIPS[field]
        found.append(
            {"field": field, "title": title} | ({"type": "quantitative", "format": shape} if shape else {"type": "nominal"})
        )
    return found


def _layer(rows: Sequence[Spec], mark: Spec, **encoding: Any) -> Spec:
    return {"data": {"values": list(rows)}, "mark": mark, "encoding": encoding}


def _quantity(field: str, scale: Spec, **axis: Any) -> Spec:
    """A position: a field of numbers with its scale and axis. Labels that would touch are left out."""
    return {
        "field": field,
        "type": "quantitative",
        "scale": scale,
        "axis": {"labelOverlap": "greedy", "labelSeparation": 6} | axis,
    }


def _points_axis(maximum: float) -> Spec:
    return _quantity("points", {"domain": [0, maximum]}, title="points", values=_steps(maximum), labelExpr=GENERAL)


def _dots(name: str, rows: Sequence[Spec], tips: Sequence[str], encoding: Spec, **mark: Any) -> Spec:
    """A layer of marks; those with "href" open it."""
    cursor = "pointer" if any("href" in row for row in rows) else "default"
    layer = _layer(
        rows, DOT | {"opacity": 0.55 if name == "crowd" else 1.0, "cursor": cursor} | mark, tooltip=_tips(*tips), **encoding
    )
    return {"name": name} | layer


def _bounds(at: Sequence[float]) -> Spec:
    """Upright lines through all rows."""
    return _layer([{"at": value} for value in at], {"type": "rule", "style": "bound"}, x={"field": "at"}, y=None)


def _values(rows: Sequence[Spec]) -> Spec:
    """A column of figures to the right of the rows."""
    return _layer(
        rows, {"type": "text", "style": "value", "align": "left", "dx": 8}, x={"value": "width"}, text={"field": "text"}
    )


def _on_rows(labels: Sequence[Sequence[str]], x: Spec, layers: Sequence[Spec]) -> Spec:
    """Horizontal rows, numbered from the top. Labels are values, never part of an expression."""
    axis = {
        "title": None,
        "labelExpr": "lines[datum.value]",
        # Vega centres the first of several lines.
        "labelOffset": {"condition": {"test": "length(lines[datum.value]) > 1", "value": -6.5}, "value": 0},
        "labelPadding": 8,
        "ticks": False,
        "domain": False,
        "grid": False,
    }
    scale = {"domain": list(range(len(labels))), "paddingInner": 0.3}
    return {
        "width": "container",
        "height": max(1, len(labels)) * (30 if any(len(pieces) > 1 for pieces in labels) else 26),
        "params": [{"name": "lines", "value": [list(pieces) for pieces in labels]}],
        "encoding": {"x": x, "y": {"field": "row", "type": "ordinal", "scale": scale, "axis": axis}},
        "layer": list(layers),
    }


def _pieces(label: str, width: int = 22) -> list[str]:
    """A label in at most two pieces, broken after spaces and signs: charts.js puts one below the other on phones."""
    lines = [""]
    for piece in re.findall(r"[^\s_,;/-]*[\s_,;/-]*", _label(label)):
        if lines[-1] and len(lines[-1]) + len(piece.rstrip()) > width:
            lines.append("")
        lines[-1] += piece
    return [line if len(line) <= width + 2 else line[: width + 1] + "…" for line in (lines[0], "".join(lines[1:])) if line] or [
        ""
    ]


def _label(text: str) -> str:
    return one_line(text, LABEL)


def _quoted(text: str) -> str:
    return f"“{_label(text)}”"


def _figure(value: float, digits: int) -> float:
    """As many significant digits as can be seen or read: specifications are most of a page's bytes."""
    return float(f"{value:.{digits}g}")


def _percent(share: float) -> str:
    """Never rounded up to 100 %, because one missing zero is a fact; never broken before its sign."""
    return f"{math.floor(round(share * 10_000, 6)) / 100:.2f}\u00a0%"


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def _sentence(parts: Sequence[str], left_out: int, total: int = 0, drawn: int = 0) -> str:
    """One sentence of parts, with what the picture does not show at its end."""
    also = [f"{left_out:,} without finite figures {'is' if left_out == 1 else 'are'} left out"] * (left_out > 0)
    also += [f"{drawn:,} of {total:,} are drawn, evenly chosen"] * (drawn < total)
    return "; ".join([*parts, *also]) + "."
