"""What the specifications of all charts are made of."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any, TypeVar

from grader.report.text import one_line

MAX_MARKS = 2_000  # drawn in one chart: more can't be told apart, and would make pages slow
LEVELS = 5  # lines of equal points between 0 and the maximum
LABEL = 80  # characters of a label; longer ones lose their middle
Spec = dict[str, Any]  # a Vega-Lite specification or part of one
Domain = tuple[float, float]  # both ends of an axis
Item = TypeVar("Item")
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


def evenly(items: Sequence[Item], most: int) -> list[Item]:
    """At most so many of the items, from the first on and equally far apart."""
    return list(items) if len(items) <= most else [items[index * len(items) // most] for index in range(most)]


def even_steps(maximum: float) -> list[float]:
    """The points of the lines, and of the ticks wherever an axis has points."""
    return [rounded(maximum * step / LEVELS, 4) for step in range(LEVELS)] + [maximum]


def tooltip(*fields: str) -> list[Spec]:
    """The lines of a tooltip."""
    found = []
    for field in fields:
        title, shape = TIPS[field]
        found.append(
            {"field": field, "title": title} | ({"type": "quantitative", "format": shape} if shape else {"type": "nominal"})
        )
    return found


def layer_of(rows: Sequence[Spec], mark: Spec, **encoding: Any) -> Spec:
    return {"data": {"values": list(rows)}, "mark": mark, "encoding": encoding}


def quantity(field: str, scale: Spec, **axis: Any) -> Spec:
    """A position: a field of numbers with its scale and axis. Labels that would touch are left out."""
    return {
        "field": field,
        "type": "quantitative",
        "scale": scale,
        "axis": {"labelOverlap": "greedy", "labelSeparation": 6} | axis,
    }


def points_axis(maximum: float) -> Spec:
    return quantity("points", {"domain": [0, maximum]}, title="points", values=even_steps(maximum), labelExpr=GENERAL)


def dots_of(name: str, rows: Sequence[Spec], tips: Sequence[str], encoding: Spec, **mark: Any) -> Spec:
    """A layer of marks; those with "href" open it."""
    cursor = "pointer" if any("href" in row for row in rows) else "default"
    layer = layer_of(
        rows, DOT | {"opacity": 0.55 if name == "crowd" else 1.0, "cursor": cursor} | mark, tooltip=tooltip(*tips), **encoding
    )
    return {"name": name} | layer


def bounds_at(at: Sequence[float]) -> Spec:
    """Upright lines through all rows."""
    return layer_of([{"at": value} for value in at], {"type": "rule", "style": "bound"}, x={"field": "at"}, y=None)


def column_of(rows: Sequence[Spec]) -> Spec:
    """A column of figures to the right of the rows."""
    return layer_of(
        rows, {"type": "text", "style": "value", "align": "left", "dx": 8}, x={"value": "width"}, text={"field": "text"}
    )


def on_rows(labels: Sequence[Sequence[str]], x: Spec, layers: Sequence[Spec]) -> Spec:
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


def in_lines(label: str, width: int = 22) -> list[str]:
    """A label in at most two pieces, broken after spaces and signs: charts.js puts one below the other on phones."""
    lines = [""]
    for piece in re.findall(r"[^\s_,;/-]*[\s_,;/-]*", shortened(label)):
        if lines[-1] and len(lines[-1]) + len(piece.rstrip()) > width:
            lines.append("")
        lines[-1] += piece
    return [line if len(line) <= width + 2 else line[: width + 1] + "…" for line in (lines[0], "".join(lines[1:])) if line] or [
        ""
    ]


def shortened(text: str) -> str:
    return one_line(text, LABEL)


def quoted(text: str) -> str:
    return f"“{shortened(text)}”"


def rounded(value: float, digits: int) -> float:
    """As many significant digits as can be seen or read: specifications are most of a page's bytes."""
    return float(f"{value:.{digits}g}")


def percent(share: float) -> str:
    """Never rounded up to 100 %, because one missing zero is a fact; never broken before its sign."""
    return f"{math.floor(round(share * 10_000, 6)) / 100:.2f}\u00a0%"


def counted(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def sentence(parts: Sequence[str], left_out: int, total: int = 0, drawn: int = 0) -> str:
    """One sentence of parts, with what the picture does not show at its end."""
    also = [f"{left_out:,} without finite figures {'is' if left_out == 1 else 'are'} left out"] * (left_out > 0)
    also += [f"{drawn:,} of {total:,} are drawn, evenly chosen"] * (drawn < total)
    return "; ".join([*parts, *also]) + "."
