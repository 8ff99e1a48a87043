"""The pages about methods instead of students: a ladder's calibration, and a sweep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from grader.records import Picture
from grader.report import charts
from grader.report.html import page
from grader.report.schema import Calibration, InstanceReport, Sweep
from grader.report.sweep import label
from grader.rubric import Rubric

Pictures = Mapping[str, tuple[Picture, InstanceReport]]  # of the public instance, by method


def calibration_page(
    found: Calibration,
    rubric: Rubric,
    pictures: Pictures,
    points: Sequence[float],
    reference: str,
    assets: str | None = "assets",
) -> str:
    """The ladder under a rubric: ``pictures`` of the methods to compare, and the students' ``points`` beside the rungs."""
    graded = [one for one in found.methods if one.verdict == "graded"]
    rungs = [charts.Rung(one.name, one.points or 0.0, one.lowest or 0.0, one.highest or 0.0) for one in graded]
    marks = [
        charts.Mark(
            one.name, one.sparsity or 0.0, one.mse or 0.0, one.points or 0.0, "reference" if one.name == reference else "method"
        )
        for one in graded
    ]
    drawn = [charts.rungs(rungs, rubric, points), charts.plane(marks, rubric)] if graded else []
    layers = {
        name: {layer: count.zeros / count.parameters for layer, count in (report.layers or {}).items()}
        for name, (_, report) in pictures.items()
    }
    samples = {name: picture for name, (picture, _) in pictures.items()}
    compared = [charts.weights_by_index(samples), charts.layer_sparsity(layers)] if pictures else []
    return page(
        "calibration.html",
        assets,
        with_charts=True,
        rubric=rubric,
        found=found,
        charts=[charts.figure(chart) for chart in drawn],
        compared=[charts.figure(chart) for chart in compared],
        pictures=pictures,
    )


def sweep_page(found: Sweep, rubric: Rubric, assets: str | None = "assets") -> str:
    """One submission under many settings, with the tutorial's four plots."""
    shown_as = {name: f"{name} (parameter)" if name in charts.MEASURED else name for name in found.parameters}
    rows = [
        {
            "setting": label(one.parameters), "score": one.score, "points": one.points, "mse": one.mse, "sparsity": one.sparsity,
            **{shown_as[name]: value for name, value in one.parameters.items()},
        }
        for one in found.settings
        if one.verdict == "graded"
    ]  # fmt: skip
    varied = [shown_as[name] for name in found.parameters if len({row.get(shown_as[name]) for row in rows}) > 1]
    drawn = [
        charts.sweep_scores(rows),
        charts.sweep_plane(rows),
        *(charts.sweep_against(rows, name) for name in varied),
        charts.sweep_points(rows, found.max_points),
    ]
    return page(
        "sweep.html",
        assets,
        with_charts=True,
        rubric=rubric,
        found=found,
        best=None if found.best is None else found.settings[found.best],
        label=label,
        charts=[charts.figure(chart) for chart in drawn] if rows else [],
    )
