"""The weights of models: by their index, and how they are distributed."""

from __future__ import annotations

import bisect
import itertools
import math
import statistics
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Protocol

from grader.formulas import PARAMETER_COUNT, PARAMETER_SHAPES
from grader.picture import EDGES
from grader.report.charts.page import Chart
from grader.report.charts.parts import (
    GENERAL,
    MAX_MARKS,
    Domain,
    Spec,
    counted,
    evenly,
    layer_of,
    quantity,
    rounded,
    sentence,
    shortened,
    tooltip,
)

PER_DECADE = round(1 / math.log10(EDGES[1] / EDGES[0]))  # bins of a picture's histogram
GAP = 0.5  # decades left free on either side of zero


class Sampled(Protocol):
    """A model's weights, or some of them, as (index among all 142,346 parameters, value)."""

    def samples(self) -> Sequence[tuple[int, float]]: ...


def weights_by_index(pictures: Mapping[str, Sampled]) -> Chart:
    """The magnitude of weights along the model, in the order in which its parameters travel: one panel for each model.

    Magnitudes stand on a logarithmic axis, so zeros are left out.
    """
    sampled = {shortened(label): list(picture.samples()) for label, picture in pictures.items()}
    nonzero = {label: sorted((i, abs(w)) for i, w in found if w and math.isfinite(w)) for label, found in sampled.items()}
    sizes = [w for found in nonzero.values() for _, w in found] or [1.0]
    up = rounded(max(min(sizes) / 1.3, max(sizes) / 1e7), 2), rounded(1.5 * max(sizes), 2)
    shown = {label: evenly(found, MAX_MARKS // len(nonzero)) for label, found in nonzero.items()}
    parts = ["Magnitude of weights that are not zero against their index"]
    for label, found in nonzero.items():
        median = f", median magnitude {statistics.median(w for _, w in found):.3g}" if found else ""
        parts.append(f"{label}: {counted(len(found), 'chosen weight')}{median}")
    left_out = sum(not math.isfinite(w) for found in sampled.values() for _, w in found)
    total, drawn = sum(map(len, nonzero.values())), sum(map(len, shown.values()))
    panels = [_weights_panel(label, found, up) for label, found in shown.items()]
    spec = {"concat": panels, "spacing": 24}
    return Chart("chart-weights", "Weights by index", sentence(parts, left_out, total, drawn), spec)


def _places() -> tuple[list[str], list[int]]:
    """The parameters' names, and the index at which each begins; the last is where all of them end."""
    return list(PARAMETER_SHAPES), [0, *itertools.accumulate(math.prod(shape) for shape in PARAMETER_SHAPES.values())]


@lru_cache(maxsize=8)  # the reference's stand on every page of a batch
def _weight_rows(found: tuple[tuple[int, float], ...]) -> list[Spec]:
    names, starts = _places()
    return [{"i": i, "w": rounded(w, 3), "in": names[bisect.bisect(starts, i) - 1]} for i, w in found if 0 <= i < starts[-1]]


def _weights_panel(title: str, found: Sequence[tuple[int, float]], up: Domain) -> Spec:
    rows, (names, starts) = _weight_rows(tuple(found)), _places()
    decades = [10.0**power for power in range(-30, 30) if up[0] <= 10.0**power <= up[1]]
    return {
        "title": title,
        "width": "container",
        "height": 240,
        "encoding": {
            "x": quantity(
                "i",
                {"domain": [0, PARAMETER_COUNT], "nice": False},
                title="index of the parameter",
                labelExpr="format(datum.value, ',d')",
                tickCount=4,
                grid=False,
            ),
            "y": quantity(
                "w",
                {"type": "log", "domain": up, "nice": False, "clamp": True},
                title="|weight|",
                values=decades,
                labelExpr=GENERAL,
            ),
        },
        "layer": [
            layer_of([{"i": first} for first in starts[1:-1]], {"type": "rule", "style": "bound"}, y=None),
            layer_of(
                rows,
                {"type": "circle", "size": 10 if len(rows) > 300 else 20, "opacity": 0.7},
                color={"field": "in", "type": "nominal", "scale": {"domain": names}, "legend": {"title": None}},
                tooltip=tooltip("in", "i", "w"),
            ),
        ],
    }


def distribution(histograms: Mapping[str, Sequence[int]], id_: str, title: str) -> Chart:
    """How many weights lie where, with the line of zero between the negative and the positive ones: one panel for each entry.

    ``histograms`` are those of a picture. The axis is logarithmic on both sides of zero, and exact zeros stand in its gap
    only, so the page must tell how many they are. Counts stand on an axis of square roots: few are seen beside many.
    """
    given = {shortened(label): counts for label, counts in histograms.items()}
    folded = [sum(pair) for pair in zip(*(_outwards(counts) for counts in given.values()), strict=True)]
    used = [place for place, count in enumerate(folded) if count] or [0]
    low, high = used[0] // PER_DECADE, used[-1] // PER_DECADE + 1  # decades above the smallest edge
    panels = [_distribution_panel(label, counts, low, high) for label, counts in given.items()]
    parts = ["How many weights are how large"]
    for label, counts in given.items():
        negative, total = sum(counts[: len(counts) // 2]), sum(counts)
        parts.append(f"{label}: {total:,} not zero, {negative:,} of them negative{_between(counts)}")
    spec: Spec = {"concat": panels, "spacing": 24} if len(panels) > 1 else {**panels[0], "title": ""}
    return Chart(id_, title, sentence(parts, 0), spec)


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
    return f"{magnitude:.2g}" if magnitude < 100 else f"{rounded(magnitude, 2):,.0f}"


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
    axis = quantity(
        "a",
        {"domain": [-reach, reach], "nice": False},
        title="weight",
        values=[*(-place for place in reversed(decades)), 0, *decades],
        labelExpr=f"datum.value === 0 ? '0' : (datum.value < 0 ? '\u2212' : '') + {digits}",
        grid=False,
    )
    top = {"type": "sqrt", "domain": [0, 1.05 * max(1, *counts)], "nice": False}
    count = quantity("n", top, title="weights", tickCount=4, tickMinStep=1, format=",d")
    tips = [{"field": "of", "title": "weight", "type": "nominal"}, {"field": "n", "title": "how many", "format": ",d"}]
    return {
        "title": title,
        "width": "container",
        "height": 150,
        "encoding": {"x": axis},
        "layer": [
            layer_of(rows, {"type": "bar", "style": "bar", "orient": "vertical"}, x2={"field": "b"}, y=count, tooltip=tips),
            layer_of([{"a": 0}], {"type": "rule", "style": "bound"}),
        ],
    }


def _edge(step: int, sign: int) -> str:
    return ("\u2212" if sign < 0 else "") + size(float(EDGES[step]))
