"""Scores of a method under many settings."""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from grader.report.charts.axes import error_domain, left_domain, on_axes
from grader.report.charts.page import Chart
from grader.report.charts.parts import (
    DOT,
    GENERAL,
    LABELS,
    MAX_MARKS,
    QUARTERS,
    Spec,
    bounds_at,
    column_of,
    counted,
    dots_of,
    evenly,
    in_lines,
    layer_of,
    on_rows,
    percent,
    points_axis,
    quantity,
    quoted,
    rounded,
    sentence,
    shortened,
    tooltip,
)

MAX_BARS = 40
MAX_SERIES = 6  # lines that colours and shapes tell apart
Row = Mapping[str, float | str | None]
MEASURED = {"setting", "score", "points", "mse", "sparsity"}  # of a sweep's row; all other keys are parameters
SWEEP_TIPS = ("setting", "score", "points", "sparsity", "mse")


def sweep_scores(rows: Sequence[Row]) -> Chart:
    """A bar for each setting's score, the best first and in another colour."""
    axis = quantity("score", {"domain": [0, 1]}, title="score", labelExpr=GENERAL, **QUARTERS)
    return _bars("chart-sweep-scores", "Score of each setting", rows, "score", axis, [])


def sweep_points(rows: Sequence[Row], maximum: float) -> Chart:
    """A bar for each setting's points, the best first, and a line at the maximum."""
    return _bars("chart-sweep-points", "Points of each setting", rows, "points", points_axis(maximum), [bounds_at([maximum])])


def _bars(id_: str, title: str, rows: Sequence[Row], key: str, axis: Spec, also: Sequence[Spec]) -> Chart:
    usable = sorted((row for row in rows if _number(row.get(key)) is not None), key=lambda row: -_finite(row, key))
    shown = usable[:MAX_BARS]
    found = [_sweep_row(row) | {"row": place, "text": f"{_finite(row, key):.3f}"} for place, row in enumerate(shown)]
    bar: Spec = {"type": "bar", "cornerRadiusEnd": 2}
    layers = [
        layer_of(found[1:], bar | {"style": "bar"}, tooltip=tooltip(*SWEEP_TIPS)),
        layer_of(found[:1], bar | {"style": "bar-best"}, tooltip=tooltip(*SWEEP_TIPS)),
        column_of(found),
        *also,
    ]
    parts = [f"{counted(len(usable), 'setting')} by {key}"]
    if usable:
        best, worst = _finite(usable[0], key), _finite(usable[-1], key)
        parts += [f"best is {quoted(_setting(usable[0]))} with {best:.4g}", f"worst has {worst:.4g}"]
    parts += [f"the best {len(shown)} are drawn"] * (len(shown) < len(usable))
    spec = on_rows([in_lines(_setting(row)) for row in shown], axis, layers)
    return Chart(id_, title, sentence(parts, len(rows) - len(usable)), spec)


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
    dots = dots_of("named", found, SWEEP_TIPS, {"color": color}, style="outlined", size=80)
    parts = [f"{counted(len(usable), 'setting')} by sparsity and error, coloured by score"]
    if best is not None:
        place = f"sparsity {percent(_finite(best, 'sparsity'))} and error {_finite(best, 'mse'):.4g}"
        parts.append(f"best is {quoted(_setting(best))} at {place} with score {_finite(best, 'score'):.4g}")
    across = left_domain([1 - _finite(row, "sparsity") for row in shown])
    spec = on_axes(across, error_domain(errors, middle / 2, middle * 2, 1e5 * middle), [dots, LABELS])
    summary = sentence(parts, len(rows) - len(usable), len(usable), len(shown))
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
        by = {"title": shortened(series), "values": [_value(value) for value in sorted(others[series], key=_rank)]}
        layers = _series_layers(found, by, numeric)
    else:
        layers = _best_layers(found, numeric, quiet=bool(others))
    score = quantity("score", {"zero": False, "nice": True, "padding": 8}, title="score", tickCount=6)
    axis = _parameter_axis(shortened(parameter), [row["at"] for row in found], numeric)
    spec = {"width": "container", "height": 280, "encoding": {"x": axis, "y": score}, "layer": layers}
    parts = [
        f"Score of {counted(len(usable), 'setting')} against {shortened(parameter)}"
        + (f", by {shortened(series)}" if series else "")
    ]
    if usable:
        best = max(usable, key=lambda row: _finite(row, "score"))
        parts.append(f"best is {_value(best[parameter])} with {_finite(best, 'score'):.4g} ({_setting(best)})")
    slug = re.sub(r"[^A-Za-z0-9_]", "-", parameter)
    summary = sentence(parts, len(rows) - len(usable), len(usable), len(shown))
    return Chart(f"chart-sweep-against-{slug}", f"Score against {shortened(parameter)}", summary, spec)


def _parameter_axis(title: str, values: Sequence[Any], numeric: bool) -> Spec:
    if not numeric:
        scale = {"type": "point", "padding": 0.5}
        return {"field": "at", "type": "ordinal", "scale": scale, "axis": {"title": title, "labelAngle": 0, "labelLimit": 120}}
    wide = bool(values) and min(values) > 0 and max(values) >= 10 * min(values)
    scale = {"nice": False, "padding": 12} | ({"type": "log"} if wide else {"zero": False})
    own = {"values": sorted(set(values))} if len(set(values)) <= 12 else {}  # ticks at a grid's own values
    return quantity("at", scale, title=title, labelExpr=GENERAL, grid=False, **own)


def _series_layers(rows: Sequence[Spec], by: Spec, numeric: bool) -> list[Spec]:
    series = {"field": "series", "type": "nominal", "scale": {"domain": by["values"]}, "legend": {"title": by["title"]}}
    line = layer_of(rows, {"type": "line", "style": "line"}, color=series)
    return [line] * numeric + [layer_of(rows, DOT, color=series, shape=series, tooltip=tooltip(*SWEEP_TIPS))]


def _best_layers(rows: Sequence[Spec], numeric: bool, quiet: bool) -> list[Spec]:
    best: dict[float, Spec] = {}
    for row in sorted(rows, key=lambda row: float(row["score"])):
        best[row["at"]] = {"at": row["at"], "score": row["score"]}
    joins = numeric and (not quiet or len(best) < len(rows))  # a best of one is none
    color: Spec = {"value": "var(--chart-1)"}
    mark = {"type": "line", "style": "line-quiet" if quiet else "line"}
    line = layer_of(list(best.values()), mark, color={"value": "var(--chart-axis)"} if quiet else color)
    return [line] * joins + [layer_of(rows, DOT, color=color, tooltip=tooltip(*SWEEP_TIPS))]


def _sweep_row(row: Row) -> Spec:
    """What marks and tooltips show of a setting; "left" is what its sparsity leaves."""
    measured = {key: value for key in ("score", "points", "mse", "sparsity") if (value := _number(row.get(key))) is not None}
    left = {"left": 1 - measured["sparsity"]} if "sparsity" in measured else {}
    return {key: rounded(value, 6) for key, value in (measured | left).items()} | {"setting": _setting(row)}


def _setting(row: Row) -> str:
    return shortened(str(row.get("setting") or "")) or "default"


def _value(value: float | str | None) -> str:
    return "default" if value is None else f"{value:g}" if _number(value) is not None else shortened(str(value))


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
