"""The axes of sparsity and error, both logarithmic."""

from __future__ import annotations

from collections.abc import Sequence

from grader.report.charts.parts import Domain, Spec, quantity, rounded

NO_ZEROS_LEFT = 0.0005  # the share of parameters that are not zero at the plane's right edge, at the least
PLANE_HEIGHT = 380  # pixels, as all sizes here
SPARSITY_TICKS = (0, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995)


def left_domain(shares: Sequence[float], low: float = 1.0, high: float = 0.0) -> Domain:
    """From the right edge to the left one, in shares of parameters that are not zero: at least from ``low`` to ``high``."""
    positive = [share for share in shares if share > 0] or [0.1]
    return max(NO_ZEROS_LEFT, min(low, min(positive) / 1.3)), min(1.0, max(high, 1.3 * max(positive)))


def error_domain(errors: Sequence[float], low: float, high: float, most: float) -> Domain:
    """From the lowest to the highest error in sight: at least ``low`` to ``high``, at most five decades and ``most``."""
    top = min(most, max([high, *(1.3 * error for error in errors)]))
    bottom = max(top / 1e5, min([low, *(error / 1.5 for error in errors if error > 0)]))
    return rounded(bottom, 3), rounded(top, 3)


def on_axes(across: Domain, up: Domain, layers: Sequence[Spec]) -> Spec:
    """The layers over an axis of sparsity and one of error."""
    lefts = [rounded(1 - sparsity, 6) for sparsity in SPARSITY_TICKS]
    errors = [step * 10.0**power for power in range(-12, 25) for step in (1, 2, 5)]
    return {
        "width": "container",
        "height": PLANE_HEIGHT,
        "encoding": {
            "x": quantity(
                "left",
                {"type": "log", "domain": across, "reverse": True, "nice": False, "clamp": True},
                title="sparsity",
                values=[left for left in lefts if across[0] <= left <= across[1]],
                labelExpr="format(1 - datum.value, '.3~%')",
            ),
            "y": quantity(
                "mse",
                {"type": "log", "domain": up, "nice": False, "clamp": True},
                title="error (MSE)",
                values=[error for error in errors if up[0] <= error <= up[1]],
                labelExpr="format(datum.value, datum.value < 1 ? '~g' : ',d')",
            ),
        },
        "layer": list(layers),
    }
