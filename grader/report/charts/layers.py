"""Sparsity of each layer."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence

from grader.formulas import PARAMETER_SHAPES
from grader.report.charts.page import Chart
from grader.report.charts.parts import (
    QUARTERS,
    Spec,
    column_of,
    in_lines,
    layer_of,
    on_rows,
    percent,
    quantity,
    rounded,
    sentence,
    shortened,
    tooltip,
)


def layer_sparsity(rows: Mapping[str, Mapping[str, float]]) -> Chart:
    """Sparsity of each parameter, for each model by its label: ``{label: {"layers.0.weight": 0.99, ...}}``."""
    given = [(shortened(label), name, share) for label, layers in rows.items() for name, share in layers.items()]
    usable = [(label, name, share) for label, name, share in given if math.isfinite(share)]
    order = [*PARAMETER_SHAPES, *sorted({name for _, name, _ in usable} - set(PARAMETER_SHAPES))]
    names = [name for name in order if any(name == other for _, other, _ in usable)]
    models = [shortened(label) for label in rows]
    found = [
        {"row": names.index(name), "label": label, "in": shortened(name), "sparsity": rounded(share, 6), "text": percent(share)}
        for label, name, share in usable
    ]
    model: Spec = {"field": "label", "type": "nominal"}
    legend: Spec = {"legend": {"title": None} if len(models) > 1 else None}
    bar = {"type": "bar", "cornerRadiusEnd": 2}
    layers = [
        layer_of(
            found,
            bar,
            color=model | {"scale": {"domain": models, "range": _model_colors(models)}} | legend,
            tooltip=tooltip("label", "in", "sparsity"),
        ),
        column_of(found),
    ]
    spec = on_rows(
        [in_lines(name) for name in names],
        quantity("sparsity", {"domain": [0, 1]}, title="sparsity", format="~%", **QUARTERS),
        layers,
    )
    spec["encoding"]["yOffset"] = model | {"scale": {"domain": models, "paddingInner": 0.15}}
    spec["height"] = max(1, len(names)) * (18 * len(models) + 10)
    parts = ["Sparsity of each parameter"]
    for model_label in models:
        shares = [f"{name} {percent(share)}" for label, name, share in usable if label == model_label]
        parts.append(f"{model_label}: {', '.join(shares) or 'nothing'}")
    return Chart("chart-layers", "Sparsity of each layer", sentence(parts, len(given) - len(usable)), spec)


def _model_colors(models: Sequence[str]) -> list[str]:
    """The colours that "you" and the reference have on the plane too, and others for everyone else."""
    free = itertools.cycle((1, 4, 5, 6))
    kinds = ["you" if model == "you" else "reference" if model.startswith("reference") else next(free) for model in models]
    return [f"var(--chart-{kind})" for kind in kinds]
