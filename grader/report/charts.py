"""The charts of all pages: measurements become Vega-Lite specifications with their data inside, nothing is loaded.

Every chart comes with a sentence that says its main figures, for whoever can't see it. Colours and letters are not chosen
here but in assets/charts.js, by the names of styles, so that a page's charts follow its colour scheme. A layer "named" with
a layer "labels" after it gets its labels placed there, none over another, around what stands in "levels" and "crowd".
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar

from markupsafe import Markup

from grader.formulas import PARAMETER_COUNT, PARAMETER_SHAPES
from grader.report.text import one_line
from grader.rubric import Rubric

MAX_MARKS = 2_000  # drawn in one chart: more can't be told apart, and would make pages slow
MAX_LABELS = 20
MAX_BARS = 40
LEVELS = 5  # lines of equal points between 0 and the maximum
LABEL = 80  # characters of a label; longer ones lose their middle
NO_ZEROS_LEFT = 0.0005  # the share of parameters that are not zero at the plane's right edge, at the least

ASSETS = Path(__file__).parent / "assets"
# In the order in which they need each other.
SCRIPTS = ("vendor/vega.min.js", "vendor/vega-lite.min.js", "vendor/vega-interpreter.js", "charts.js")
LICENCES = {
    "vendor/vega.min.js": ("vendor/vega.LICENSE", "vendor/vega.bundled.LICENSE"),
    "vendor/vega-lite.min.js": ("vendor/vega-lite.LICENSE",),
    "vendor/vega-interpreter.js": ("vendor/vega-interpreter.LICENSE",),
}

Kind = Literal["method", "reference", "student", "you"]
Spec = dict[str, Any]  # a Vega-Lite specification or part of one
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
    score = rubric.points.lower + points / rubric.points.max * (rubric.points.upper - rubric.points.lower)
    reach = max(0.0, sparsity) ** rubric.score.sparsity_exponent  # the score without any error
    if reach < score or not reach:
        return None
    return rubric.score.mse_cap * (1 - (score / reach) ** (1 / rubric.score.mse_exponent))


def plane(marks: Sequence[Mark], rubric: Rubric) -> Chart:
    """Where results stand: sparsity to the right, error upwards, and lines along which the points are equal.

    Both axes are logarithmic, the first in what is left: from 0.9 to 0.99 is as far as from 0.99 to 0.999, because that is
    how much harder it gets. What lies outside is drawn on the edge.
    """
    usable = [mark for mark in marks if math.isfinite(mark.mse) and math.isfinite(mark.sparsity)]
    shown = _chosen(usable)
    across = _left_domain([1 - mark.sparsity for mark in shown])
    up = _error_domain([mark.mse for mark in shown], *_levels_span(rubric))
    kinds = [kind for kind in KINDS if any(mark.kind == kind for mark in shown)]
    look: Spec = {
        "color": _by_kind([f"var(--chart-{kind})" for kind in KINDS])
        | {"legend": {"title": None, "values": [KINDS[k] for k in kinds]}},
        "shape": _by_kind(["circle", "circle", "diamond", STAR]),
        "size": {
            "condition": [{"test": f"datum.kind === '{KINDS[kind]}'", "value": size} for kind, size in SIZES.items()],
            "value": 60,
        },
    }
    layers = _levels(rubric, across, up)
    for layer, rows in _mark_rows(shown).items():
        fields = ["label"] * any(row.get("label") for row in rows) + ["kind", "sparsity", "mse", "points"]
        layers.append(
            _dots(layer, rows, fields, "pointer" if any("href" in row for row in rows) else "default") | {"encoding": look}
        )
    if any(mark.kind != "student" for mark in shown):
        layers.append(LABELS)
    return Chart(
        "chart-plane",
        "Sparsity and error",
        _plane_summary(marks, usable, shown, rubric),
        _on_axes(across, up, layers),
    )


def _chosen(marks: Sequence[Mark]) -> list[Mark]:
    """At most MAX_MARKS of them, evenly: students give way first."""
    named = _evenly([mark for mark in marks if mark.kind != "student"], MAX_MARKS)
    return named + _evenly([mark for mark in marks if mark.kind == "student"], MAX_MARKS - len(named))


def _evenly(items: Sequence[Item], most: int) -> list[Item]:
    return list(items) if len(items) <= most else [items[index * len(items) // most] for index in range(most)]


def _mark_rows(marks: Sequence[Mark]) -> dict[str, list[Spec]]:
    """The rows of the layers "crowd" and "named", those that are drawn first, first; only layers that have any."""
    order = list(KINDS)
    crowd = [mark for mark in marks if mark.kind == "student"]
    named = sorted((mark for mark in marks if mark.kind != "student"), key=lambda mark: (order.index(mark.kind), -mark.points))
    methods = sum(mark.kind == "method" for mark in named)
    rows: dict[str, list[Spec]] = {"crowd": [], "named": []}
    for place, mark in enumerate([*crowd, *named], start=-len(crowd)):
        row: Spec = {
            "left": _figure(1 - mark.sparsity, 6),
            "mse": _figure(mark.mse, 5),
            "sparsity": _figure(mark.sparsity, 6),
            "points": _figure(mark.points, 4),
            "kind": KINDS[mark.kind],
        }
        row |= {"label": _label(mark.label)} if mark.label else {}
        row |= {"href": mark.href} if mark.href else {}
        row |= {"bold": True} if mark.kind in ("reference", "you") else {}
        row |= {"quiet": True} if MAX_LABELS <= place < methods else {}  # no label beside it
        rows["crowd" if place < 0 else "named"].append(row)
    return {layer: found for layer, found in rows.items() if found}


def _plane_summary(marks: Sequence[Mark], usable: Sequence[Mark], shown: Sequence[Mark], rubric: Rubric) -> str:
    full = rubric.points.max
    parts = [f"{_count(len(usable), 'result')} by sparsity and error, with lines of equal points"]
    parts += [f"{_stands(mark, full)}" for mark in usable if mark.kind == "you"]
    others = [mark for mark in usable if mark.kind in ("method", "reference")]
    if others:
        parts.append(f"best of the others is {_stands(max(others, key=lambda mark: mark.points), full)}")
    error = error_for(full, 1.0, rubric)
    if error is not None:
        least = (rubric.points.upper) ** (1 / rubric.score.sparsity_exponent)
        parts.append(f"full points need a sparsity above {_percent(least)} and an error below {error:.3g}")
    return _sentence(parts, len(marks) - len(usable), len(usable), len(shown))


def _stands(mark: Mark, full: float) -> str:
    name = "you stand" if mark.kind == "you" else _quoted(mark.label or mark.kind)
    return f"{name} at sparsity {_percent(mark.sparsity)} and error {mark.mse:.4g} with {mark.points:.3g} of {full:.3g} points"


def _levels_span(rubric: Rubric) -> tuple[float, float, float]:
    """The errors that the lines of equal points need in sight, lowest and highest, and the highest worth showing."""
    cap = rubric.score.mse_cap
    return (error_for(rubric.points.max, 1.0, rubric) or cap) / 3, 1.5 * cap, 10 * cap


def _levels(rubric: Rubric, across: tuple[float, float], up: tuple[float, float]) -> list[Spec]:
    """Lines of equal points with their points at the right edge; the area of full points is tinted."""
    full = rubric.points.max
    curves = {full * step / LEVELS: _curve(full * step / LEVELS, rubric, across, up) for step in range(LEVELS + 1)}
    rows = [{"points": level, "left": left, "mse": mse} for level, curve in curves.items() for left, mse in curve]
    target = [row | {"floor": up[0]} for row in rows if row["points"] == full]
    text: Spec = {"type": "text", "style": "level-text", "align": "left", "dx": 5}
    line: Spec = {"type": "line", "clip": True}
    order: Spec = {"field": "left"}
    return [
        {
            "data": {"values": target},
            "mark": {"type": "area", "style": "level-area", "clip": True},
            "encoding": {"y2": {"field": "floor"}},
        },
        {
            "name": "levels",
            "data": {"values": [row for row in rows if row["points"] != full]},
            "mark": line | {"style": "level"},
            "encoding": {"detail": {"field": "points"}, "order": order},
        },
        {"data": {"values": target}, "mark": line | {"style": "level-full"}, "encoding": {"order": order}},
        {
            "data": {"values": _level_texts(curves, up)},
            "mark": text,
            "encoding": {"x": {"value": "width"}, "text": {"field": "text"}},
        },
        {
            "data": {"values": [{}]},
            "mark": text | {"baseline": "bottom"},
            "encoding": {"x": {"value": "width"}, "y": {"value": 0}, "text": {"value": "points"}},
        },
    ]


def _curve(points: float, rubric: Rubric, across: tuple[float, float], up: tuple[float, float]) -> list[tuple[float, float]]:
    """(share left, MSE) along one line of equal points within the axes, from the right edge to where it leaves them."""
    cap, steps = rubric.score.mse_cap, 24
    score = rubric.points.lower + points / rubric.points.max * (rubric.points.upper - rubric.points.lower)
    shares = [across[0] * (across[1] / across[0]) ** (step / steps) for step in range(steps + 1)]
    for step in range(steps + 1):  # in even steps of the error too, because the line ends steeply
        fit = 1 - up[0] * (up[1] / up[0]) ** (step / steps) / cap
        if fit > 0:
            shares.append(1 - (score / fit**rubric.score.mse_exponent) ** (1 / rubric.score.sparsity_exponent))
    found = []
    for left in sorted(_figure(share, 7) for share in shares if across[0] <= share <= across[1]):
        mse = error_for(points, 1 - left, rubric)
        if mse is not None and 0.99 * up[0] <= mse <= up[1]:
            found.append((left, _figure(mse, 6)))
    return found


def _level_texts(curves: Mapping[float, Sequence[tuple[float, float]]], up: tuple[float, float]) -> list[Spec]:
    """A text at the right end of each line, leaving out those that would touch another; the lowest and the highest stay."""

    def height(mse: float) -> float:
        return PLANE_HEIGHT * math.log(up[1] / mse) / math.log(up[1] / up[0])

    ends = {level: curve[0][1] for level, curve in curves.items() if curve}
    levels, kept = list(ends), list[float]()
    for level in [*levels[:1], *levels[:0:-1]]:
        if all(abs(height(ends[level]) - height(ends[other])) >= 13 for other in kept):
            kept.append(level)
    return [{"left": curves[level][0][0], "mse": ends[level], "text": f"{level:.3g}"} for level in kept]


def _left_domain(shares: Sequence[float]) -> tuple[float, float]:
    """From the right edge to the left one, in shares of parameters that are not zero."""
    positive = [share for share in shares if share > 0]
    least = min(positive, default=1.0) / 1.3
    return max(NO_ZEROS_LEFT, min(0.003, least)), min(1.0, max(0.5, 1.15 * max(positive, default=0.0)))


def _error_domain(errors: Sequence[float], low: float, high: float, most: float) -> tuple[float, float]:
    """From the lowest to the highest error in sight: at least ``low`` to ``high``, at most five decades and ``most``."""
    top = min(most, max([high, *(1.3 * error for error in errors)]))
    bottom = max(top / 1e5, min([low, *(error / 1.5 for error in errors if error > 0)]))
    return _figure(bottom, 3), _figure(top, 3)


def _on_axes(across: tuple[float, float], up: tuple[float, float], layers: Sequence[Spec]) -> Spec:
    """The layers over an axis of sparsity and one of error."""
    lefts = [1 - sparsity for sparsity in (0, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995)]
    ticks = [step * 10.0**power for power in range(-6, 12) for step in (1, 2, 5)]
    return {
        "width": "container",
        "height": PLANE_HEIGHT,
        "encoding": {
            "x": {
                "field": "left",
                "type": "quantitative",
                "scale": {"type": "log", "domain": list(across), "reverse": True, "nice": False, "clamp": True},
                "axis": {
                    "title": "sparsity",
                    "values": [_figure(left, 6) for left in lefts if across[0] <= left <= across[1]],
                    "labelExpr": "format(1 - datum.value, '.3~%')",
                    "labelOverlap": "greedy",
                    "labelSeparation": 6,
                },
            },
            "y": {
                "field": "mse",
                "type": "quantitative",
                "scale": {"type": "log", "domain": list(up), "nice": False, "clamp": True},
                "axis": {
                    "title": "error (MSE)",
                    "values": [tick for tick in ticks if up[0] <= tick <= up[1]],
                    "labelExpr": "format(datum.value, datum.value < 1 ? '~g' : ',d')",
                    "labelOverlap": "greedy",
                },
            },
        },
        "layer": list(layers),
    }


def _by_kind(values: Sequence[float | str]) -> Spec:
    return {"field": "kind", "type": "nominal", "scale": {"domain": list(KINDS.values()), "range": list(values)}}


def _dots(name: str, rows: Sequence[Spec], fields: Sequence[str], cursor: str = "default") -> Spec:
    """A layer of marks that show ``fields`` when pointed at."""
    opacity = 0.55 if name == "crowd" else 1.0
    return {
        "name": name,
        "data": {"values": list(rows)},
        "mark": {"type": "point", "filled": True, "style": "mark", "opacity": opacity, "cursor": cursor, "tooltip": True},
        "encoding": {"tooltip": [TOOLTIPS[field] for field in fields]},
    }


# Points of methods


def rungs(rows: Sequence[Rung], rubric: Rubric, students: Sequence[float] = ()) -> Chart:
    """Methods by points, each with its spread over the instances, and below them where the students are on the same axis."""
    usable = [row for row in rows if math.isfinite(row.points)]
    best_first = sorted(usable, key=lambda row: -row.points)
    points = sorted(value for value in students if math.isfinite(value))
    full = rubric.points.max
    labels = [_lines(row.label) for row in best_first]
    found = [
        {
            "row": place,
            "label": _label(row.label),
            "points": _figure(row.points, 4),
            "low": _figure(row.low if math.isfinite(row.low) else row.points, 4),
            "high": _figure(row.high if math.isfinite(row.high) else row.points, 4),
            "text": f"{row.points:.2f}",
        }
        for place, row in enumerate(best_first)
    ]
    shown = [TOOLTIPS[field] for field in ("label", "points", "low", "high")]
    layers: list[Spec] = [
        {
            "data": {"values": [{"at": 0}, {"at": full}]},
            "mark": {"type": "rule", "style": "bound"},
            "encoding": {"x": {"field": "at"}, "y": None},
        },
        {
            "data": {"values": found},
            "layer": [
                {"mark": {"type": "rule", "style": "spread"}, "encoding": {"x": {"field": "low"}, "x2": {"field": "high"}}},
                {"mark": {"type": "circle", "style": "dot", "size": 90, "opacity": 1}, "encoding": {"tooltip": shown}},
                VALUES,
            ],
        },
    ]
    if points:
        labels.append([f"class ({len(points):,})"])
        layers.append(_crowd(points, full, row=len(found)))
    spec = _rows_spec(
        labels,
        {"field": "points", "type": "quantitative", "scale": {"domain": [0, full]}, "axis": {"title": "points", "tickCount": 6}},
        layers,
    )
    return Chart("chart-rungs", "Methods by points", _rungs_summary(best_first, points, len(rows), full), spec)


def _crowd(points: Sequence[float], full: float, row: int) -> Spec:
    """A histogram on one row: ticks as long as students are many."""
    bins = 60
    counts = [0] * (bins + 1)
    for value in points:
        counts[round(min(1.0, max(0.0, value / full)) * bins)] += 1
    found = [{"row": row, "points": _figure(full * place / bins, 4), "students": n} for place, n in enumerate(counts) if n]
    return {
        "data": {"values": found},
        "mark": {"type": "tick", "style": "crowd", "orient": "vertical", "thickness": 3, "cornerRadius": 1},
        "encoding": {
            "size": {
                "field": "students",
                "type": "quantitative",
                "scale": {"type": "sqrt", "domain": [0, max(counts)], "range": [4, 26]},
                "legend": None,
            },
            "tooltip": [
                {"field": "points", "title": "points, about", "format": ".2f"},
                {"field": "students", "type": "quantitative"},
            ],
        },
    }


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
    """The magnitude of weights along the model, in the order in which its parameters travel: one panel for each model."""
    sampled = {label: [(i, abs(w)) for i, w in picture.samples() if math.isfinite(w)] for label, picture in pictures.items()}
    nonzero = {label: [(i, w) for i, w in found if w] for label, found in sampled.items()}
    largest = max((w for found in nonzero.values() for _, w in found), default=1.0)
    smallest = min((w for found in nonzero.values() for _, w in found), default=largest)
    up = [_figure(max(smallest / 1.3, largest / 1e7), 2), _figure(1.5 * largest, 2)]
    most = MAX_MARKS // max(1, len(pictures))
    shown = {label: _evenly(sorted(found), most) for label, found in nonzero.items()}
    panels = [
        _weights_panel(f"{_label(label)}: {len(nonzero[label]):,} of {len(sampled[label]):,} not zero", found, up)
        for label, found in shown.items()
    ]
    parts = ["Magnitude of weights against their index, on a logarithmic axis that leaves out zeros"]
    parts += [
        f"{_label(label)}: {len(found):,} of {_count(len(sampled[label]), 'sampled weight')} not zero"
        + (f", median magnitude {statistics.median(w for _, w in found):.3g}" if found else "")
        for label, found in nonzero.items()
    ]
    left_out = sum(not math.isfinite(w) for picture in pictures.values() for _, w in picture.samples())
    total, drawn = sum(map(len, nonzero.values())), sum(map(len, shown.values()))
    return Chart("chart-weights", "Weights by index", _sentence(parts, left_out, total, drawn), {"concat": panels, "spacing": 24})


def _weights_panel(title: str, found: Sequence[tuple[int, float]], up: Sequence[float]) -> Spec:
    names, starts, start = list(PARAMETER_SHAPES), list[int](), 0
    for shape in PARAMETER_SHAPES.values():
        starts.append(start)
        start += math.prod(shape)
    rows = [{"i": i, "w": _figure(w, 3), "in": names[sum(first <= i for first in starts) - 1]} for i, w in found]
    return {
        "title": title,
        "width": "container",
        "height": 240,
        "encoding": {
            "x": {
                "field": "i",
                "type": "quantitative",
                "scale": {"domain": [0, PARAMETER_COUNT], "nice": False},
                "axis": {
                    "title": "index of the parameter",
                    "labelExpr": "format(datum.value, ',d')",
                    "tickCount": 4,
                    "grid": False,
                },
            },
            "y": {
                "field": "w",
                "type": "quantitative",
                "scale": {"type": "log", "domain": list(up), "nice": False, "clamp": True},
                "axis": {
                    "title": "|weight|",
                    "values": [10.0**power for power in range(-12, 7) if up[0] <= 10.0**power <= up[1]],
                    "labelExpr": "format(datum.value, '~g')",
                    "labelOverlap": "greedy",
                },
            },
        },
        "layer": [
            {
                "data": {"values": [{"i": first} for first in starts[1:]]},
                "mark": {"type": "rule", "style": "bound"},
                "encoding": {"y": None},
            },
            {
                "data": {"values": rows},
                "mark": {"type": "circle", "size": 10 if len(rows) > 300 else 20, "opacity": 0.7, "clip": True},
                "encoding": {
                    "color": {"field": "in", "type": "nominal", "scale": {"domain": names}, "legend": {"title": None}},
                    "tooltip": [
                        {"field": "in", "title": "parameter"},
                        {"field": "i", "type": "quantitative", "title": "index", "format": ",d"},
                        {"field": "w", "type": "quantitative", "title": "|weight|", "format": ".3~g"},
                    ],
                },
            },
        ],
    }


def layer_sparsity(rows: Mapping[str, Mapping[str, float]]) -> Chart:
    """Sparsity of each parameter, for each model by its label: ``{label: {"layers.0.weight": 0.99, ...}}``."""
    given = [(label, name, share) for label, layers in rows.items() for name, share in layers.items()]
    usable = [(label, name, share) for label, name, share in given if math.isfinite(share)]
    order = list(PARAMETER_SHAPES)
    names = sorted({name for _, name, _ in usable}, key=lambda name: (order.index(name) if name in order else len(order), name))
    models = [_label(label) for label in rows]
    found = [
        {
            "row": names.index(name),
            "label": _label(label),
            "layer": _label(name),
            "sparsity": _figure(share, 6),
            "text": _percent(share),
        }
        for label, name, share in usable
    ]
    spec = _rows_spec(
        [_lines(name) for name in names],
        {
            "field": "sparsity",
            "type": "quantitative",
            "scale": {"domain": [0, 1]},
            "axis": {"title": "sparsity", "format": "~%", "tickCount": 5},
        },
        [
            {
                "mark": {"type": "bar", "cornerRadiusEnd": 2},
                "encoding": {
                    "color": {
                        "field": "label",
                        "type": "nominal",
                        "scale": {"domain": models},
                        "legend": {"title": None} if len(models) > 1 else None,
                    },
                    "tooltip": [TOOLTIPS["label"], {"field": "layer", "title": "parameter"}, TOOLTIPS["sparsity"]],
                },
            },
            VALUES,
        ],
    )
    spec |= {"data": {"values": found}, "height": len(names) * (18 * len(models) + 10)}
    spec["encoding"]["yOffset"] = {"field": "label", "type": "nominal", "scale": {"domain": models, "paddingOuter": 0.2}}
    parts = ["Sparsity of each parameter"]
    for label in rows:
        shares = ", ".join(f"{name} {_percent(share)}" for at, name, share in usable if at == label)
        parts.append(f"{_label(label)}: {shares or 'nothing'}")
    return Chart("chart-layers", "Sparsity of each layer", _sentence(parts, len(given) - len(usable)), spec)


# Sweeps


def sweep_scores(rows: Sequence[Row]) -> Chart:
    """A bar for each setting's score, the best first and in another colour."""
    scale = {"domain": [0, 1]}
    return _bars(
        "chart-sweep-scores",
        "Score of each setting",
        rows,
        "score",
        {"scale": scale, "axis": {"title": "score", "tickCount": 6}},
        None,
    )


def sweep_points(rows: Sequence[Row], maximum: float) -> Chart:
    """A bar for each setting's points, the best first, and a line at the maximum."""
    scale = {"domain": [0, maximum]}
    return _bars(
        "chart-sweep-points",
        "Points of each setting",
        rows,
        "points",
        {"scale": scale, "axis": {"title": "points", "tickCount": 6}},
        maximum,
    )


def _bars(id_: str, title: str, rows: Sequence[Row], key: str, x: Spec, maximum: float | None) -> Chart:
    usable = sorted((row for row in rows if _number(row.get(key)) is not None), key=lambda row: -_finite(row, key))
    shown = usable[:MAX_BARS]
    found = [_sweep_row(row) | {"row": place, "text": f"{_finite(row, key):.3f}"} for place, row in enumerate(shown)]
    bar: Spec = {"type": "bar", "cornerRadiusEnd": 2}
    tips = {"tooltip": [TOOLTIPS[field] for field in ("setting", "score", "points", "sparsity", "mse")]}
    layers: list[Spec] = [
        {"data": {"values": found[1:]}, "mark": bar | {"style": "bar"}, "encoding": tips},
        {"data": {"values": found[:1]}, "mark": bar | {"style": "bar-best"}, "encoding": tips},
        {"data": {"values": found}} | VALUES,
    ]
    if maximum is not None:
        layers.append(
            {
                "data": {"values": [{"at": maximum}]},
                "mark": {"type": "rule", "style": "bound"},
                "encoding": {"x": {"field": "at"}, "y": None},
            }
        )
    spec = _rows_spec([_lines(_setting(row)) for row in shown], {"field": key, "type": "quantitative"} | x, layers)
    parts = [f"{_count(len(usable), 'setting')} by {key}" + (f" of {maximum:.3g}" if maximum is not None else "")]
    if usable:
        parts += [
            f"best is “{_setting(usable[0])}” with {_finite(usable[0], key):.4g}",
            f"worst has {_finite(usable[-1], key):.4g}",
        ]
    if len(shown) < len(usable):
        parts.append(f"the best {len(shown)} are drawn")
    return Chart(id_, title, _sentence(parts, len(rows) - len(usable)), spec)


def sweep_plane(rows: Sequence[Row]) -> Chart:
    """Where settings stand by sparsity and error, darker or, on dark pages, lighter with the score."""
    usable = [row for row in rows if all(_number(row.get(key)) is not None for key in ("mse", "sparsity", "score"))]
    shown = sorted(_evenly(usable, MAX_MARKS), key=lambda row: _finite(row, "score"))
    best = max(usable, key=lambda row: _finite(row, "score"), default=None)
    errors = [_finite(row, "mse") for row in shown]
    middle = statistics.median([error for error in errors if error > 0] or [100.0])
    up = _error_domain(errors, middle / 2, middle * 2, 1e5 * middle)
    found = [_sweep_row(row) | ({"label": _setting(row), "bold": True} if row is best else {"quiet": True}) for row in shown]
    dots = _dots("named", found, ["setting", "score", "points", "sparsity", "mse"])
    dots["mark"] |= {"style": "outlined", "size": 80}
    scores = [_finite(row, "score") for row in shown] or [0.0]
    lowest, highest = min(scores), max(scores)
    dots["encoding"]["color"] = {
        "field": "score",
        "type": "quantitative",
        "scale": {
            "type": "quantize",
            "domain": [_figure(lowest, 3), _figure(highest if highest > lowest else lowest + 0.01, 3)],
            "range": [f"var(--chart-step-{step})" for step in range(1, 6)],
        },
        "legend": {"title": "score", "format": ".2f", "type": "symbol", "columns": 5},
    }
    parts = [f"{_count(len(usable), 'setting')} by sparsity and error, coloured by score"]
    if best is not None:
        parts.append(
            f"best is “{_setting(best)}” at sparsity {_percent(_finite(best, 'sparsity'))} and error {_finite(best, 'mse'):.4g} "
            f"with score {_finite(best, 'score'):.4g}"
        )
    return Chart(
        "chart-sweep-plane",
        "Sparsity and error of each setting",
        _sentence(parts, len(rows) - len(usable), len(usable), len(shown)),
        _on_axes(_left_domain([1 - _finite(row, "sparsity") for row in shown]), up, [dots, LABELS]),
    )


def sweep_against(rows: Sequence[Row], parameter: str) -> Chart:
    """The score against one parameter: a line for each value of the other one, where exactly one other varies.

    Where several others vary, a broken line joins the best score at each value.
    """
    usable = [row for row in rows if _number(row.get("score")) is not None and row.get(parameter) is not None]
    shown = _evenly(usable, MAX_MARKS)
    numeric = all(_number(row[parameter]) is not None for row in shown)
    names = {name for row in shown for name in row} - MEASURED - {parameter}
    others = sorted(name for name in names if len({row.get(name) for row in shown}) > 1)
    series = others[0] if len(others) == 1 and len({row.get(others[0]) for row in shown}) <= 6 else None
    found = [
        _sweep_row(row)
        | {"at": row[parameter] if numeric else _label(str(row[parameter]))}
        | ({"series": _value(row.get(series))} if series else {})
        for row in shown
    ]
    spec: Spec = {
        "width": "container",
        "height": 280,
        "encoding": {
            "x": _parameter_axis(parameter, [row["at"] for row in found], numeric),
            "y": {
                "field": "score",
                "type": "quantitative",
                "scale": {"zero": False, "nice": True, "padding": 8},
                "axis": {"title": "score", "tickCount": 6},
            },
        },
        "layer": _against_layers(
            found,
            series,
            [_value(value) for value in _in_order({row.get(series) for row in shown})] if series else [],
            bool(others),
        ),
    }
    parts = [
        f"Score of {_count(len(usable), 'setting')} against {_label(parameter)}" + (f", by {_label(series)}" if series else "")
    ]
    if usable:
        best = max(usable, key=lambda row: _finite(row, "score"))
        parts.append(f"best is {_value(best[parameter])} with {_finite(best, 'score'):.4g} ({_setting(best)})")
    slug = re.sub(r"[^A-Za-z0-9_]", "-", parameter)
    summary = _sentence(parts, len(rows) - len(usable), len(usable), len(shown))
    return Chart(f"chart-sweep-against-{slug}", f"Score against {_label(parameter)}", summary, spec)


def _parameter_axis(parameter: str, values: Sequence[Any], numeric: bool) -> Spec:
    axis = {"title": _label(parameter), "labelOverlap": "greedy", "labelSeparation": 6, "labelAngle": 0}
    if not numeric:
        return {"field": "at", "type": "ordinal", "scale": {"type": "point", "padding": 0.5}, "axis": axis | {"labelLimit": 120}}
    wide = bool(values) and min(values) > 0 and max(values) >= 10 * min(values)
    ticks = {"values": sorted(set(values))} if len(set(values)) <= 12 else {}  # of a grid, its own values
    scale = {"type": "log", "nice": False, "padding": 12} if wide else {"zero": False, "nice": False, "padding": 12}
    return {"field": "at", "type": "quantitative", "scale": scale, "axis": axis | ticks | {"format": "~g", "grid": False}}


def _against_layers(rows: Sequence[Spec], series: str | None, values: Sequence[str], others: bool) -> list[Spec]:
    tips = {"tooltip": [TOOLTIPS[field] for field in ("setting", "score", "points", "sparsity", "mse")]}
    dots: Spec = {"type": "point", "filled": True, "size": 70, "style": "mark", "opacity": 1}
    if series:
        by: Spec = {"field": "series", "type": "nominal", "scale": {"domain": list(values)}, "legend": {"title": _label(series)}}
        return [
            {"data": {"values": list(rows)}, "mark": {"type": "line", "style": "line"}, "encoding": {"color": by}},
            {"data": {"values": list(rows)}, "mark": dots, "encoding": {"color": by, "shape": by} | tips},
        ]
    best: dict[Any, Spec] = {}
    for row in sorted(rows, key=lambda row: float(row["score"])):
        best[row["at"]] = {"at": row["at"], "score": row["score"]}
    line: Spec = {
        "data": {"values": list(best.values())},
        "mark": {"type": "line", "style": ["line-quiet"] if others else ["line"]},
        "encoding": {"color": {"value": "var(--chart-axis)"}} if others else {"color": {"value": "var(--chart-1)"}},
    }
    return [line, {"data": {"values": list(rows)}, "mark": dots, "encoding": {"color": {"value": "var(--chart-1)"}} | tips}]


def _sweep_row(row: Row) -> Spec:
    found: Spec = {
        key: _figure(_finite(row, key), 6) for key in ("score", "points", "mse", "sparsity") if _number(row.get(key)) is not None
    }
    if "sparsity" in found:
        found["left"] = _figure(1 - found["sparsity"], 6)
    return found | {"setting": _setting(row)}


def _setting(row: Row) -> str:
    return _label(str(row.get("setting") or "")) or "default"


def _value(value: float | str | None) -> str:
    return "default" if value is None else f"{value:g}" if isinstance(value, float) else _label(str(value))


def _in_order(values: Iterable[float | str | None]) -> list[float | str | None]:
    return sorted(
        values,
        key=lambda value: (not isinstance(value, (int, float)), value if isinstance(value, (int, float)) else 0, str(value)),
    )


def _number(value: float | str | None) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value) else None


def _finite(row: Row, key: str) -> float:
    """The figure of a row that is known to have it."""
    value = _number(row.get(key))
    assert value is not None, key
    return value


# What the charts share

PLANE_HEIGHT = 380  # pixels, as all sizes here

TOOLTIPS: dict[str, Spec] = {
    "label": {"field": "label", "title": "name"},
    "kind": {"field": "kind", "title": "kind"},
    "setting": {"field": "setting", "title": "setting"},
    "sparsity": {"field": "sparsity", "type": "quantitative", "title": "sparsity", "format": ".2%"},
    "mse": {"field": "mse", "type": "quantitative", "title": "error (MSE)", "format": ",.4~r"},
    "points": {"field": "points", "type": "quantitative", "title": "points", "format": ".3~f"},
    "score": {"field": "score", "type": "quantitative", "title": "score", "format": ".4~f"},
    "low": {"field": "low", "type": "quantitative", "title": "lowest instance", "format": ".3~f"},
    "high": {"field": "high", "type": "quantitative", "title": "highest instance", "format": ".3~f"},
}

# charts.js replaces its data by the marks of the layer "named".
LABELS: Spec = {
    "name": "labels",
    "data": {"values": [{}]},
    "mark": {"type": "text", "style": "label"},
    "encoding": {"x": {"value": 0}, "y": {"value": 0}, "text": {"value": ""}},
}

# A column of figures to the right of rows.
VALUES: Spec = {
    "mark": {"type": "text", "style": "value", "align": "left", "dx": 8},
    "encoding": {"x": {"value": "width"}, "text": {"field": "text"}},
}


def _rows_spec(labels: Sequence[Sequence[str]], x: Spec, layers: Sequence[Spec]) -> Spec:
    """Horizontal rows, numbered from the top. Labels are values, never part of an expression; several lines of them fit."""
    return {
        "width": "container",
        "height": len(labels) * (30 if any(len(lines) > 1 for lines in labels) else 26),
        "params": [{"name": "lines", "value": [list(lines) for lines in labels]}],
        "encoding": {
            "x": x,
            "y": {
                "field": "row",
                "type": "ordinal",
                "scale": {"domain": list(range(len(labels)))},
                "axis": {
                    "title": None,
                    "labelExpr": "lines[datum.value]",
                    # Vega centres the first of several lines.
                    "labelOffset": {"condition": {"test": "length(lines[datum.value]) > 1", "value": -6.5}, "value": 0},
                    "ticks": False,
                    "domain": False,
                    "grid": False,
                },
            },
        },
        "layer": list(layers),
    }


def _lines(label: str, width: int = 22) -> list[str]:
    """A label in at most two pieces, broken after spaces and signs: charts.js puts one below the other on phones."""
    lines = [""]
    for piece in re.findall(r"[^\s_,;/-]*[\s_,;/-]*", _label(label)):
        if lines[-1] and len(lines[-1]) + len(piece.rstrip()) > width:
            lines.append("")
        lines[-1] += piece
    lines = [lines[0], "".join(lines[1:])] if lines[1:] else lines
    return [line if len(line) <= width + 2 else line[: width + 1] + "…" for line in lines]


def _label(text: str) -> str:
    return one_line(text, LABEL)


def _quoted(text: str) -> str:
    return f"“{_label(text)}”"


def _figure(value: float, digits: int) -> float:
    """As many significant digits as can be seen or read: specifications are most of a page's bytes."""
    return float(f"{value:.{digits}g}")


def _percent(share: float) -> str:
    """Never rounded up to 100 %, because one missing zero is a fact."""
    return f"{math.floor(round(share * 10_000, 6)) / 100:.2f} %"


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def _sentence(parts: Sequence[str], left_out: int, total: int = 0, drawn: int = 0) -> str:
    """One sentence of parts, with what the picture does not show at its end."""
    also = [f"{_count(left_out, 'row')} without finite figures {'is' if left_out == 1 else 'are'} left out"] * (left_out > 0)
    also += [f"{drawn:,} of {total:,} are drawn, evenly chosen"] * (drawn < total)
    return "; ".join([*parts, *also]) + "."
