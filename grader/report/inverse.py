"""The rubric's formulas the other way round: what it takes to get so many points."""

from __future__ import annotations

from grader.rubric import Rubric


def error_for(points: float, sparsity: float, rubric: Rubric) -> float | None:
    """The highest MSE that gives ``points`` at this sparsity; None where even no error would not be enough.

    Inverse of the rubric's formulas: points = points_of((1 - mse/cap)^a * sparsity^b).
    """
    score = score_for(points, rubric)
    reach: float = max(0.0, sparsity) ** rubric.score.sparsity_exponent  # the score without any error
    if reach < score or not reach:
        return None
    fit: float = (score / reach) ** (1 / rubric.score.mse_exponent)
    return rubric.score.mse_cap * (1 - fit)


def sparsity_for(points: float, mse: float, rubric: Rubric) -> float | None:
    """The lowest sparsity that gives ``points`` at this MSE; None where even nothing but zeros would not be enough."""
    score = score_for(points, rubric)
    reach: float = max(0.0, 1 - mse / rubric.score.mse_cap) ** rubric.score.mse_exponent  # the score without any parameter
    if reach < score or not reach:
        return None
    least: float = (score / reach) ** (1 / rubric.score.sparsity_exponent)
    return least


def score_for(points: float, rubric: Rubric) -> float:
    return rubric.points.lower + points / rubric.points.max * (rubric.points.upper - rubric.points.lower)
