"""The pages: one for each student, the instructor's index, a ladder's calibration, a sweep. Nothing is loaded from elsewhere.

Jinja2 escapes every value; a content security policy forbids what escaping should have stopped already. Pages with charts
may run the vendored scripts that draw them, and no others.
"""

from __future__ import annotations

import base64
import hashlib
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from grader.records import PUBLIC, Picture
from grader.report import charts
from grader.report.advice import Words, explain, points_text, what_limits
from grader.report.schema import Calibration, Grades, InstanceReport, Report, Sweep
from grader.report.student import student_view
from grader.report.sweep import label
from grader.report.text import clean
from grader.rubric import Rubric

HERE = Path(__file__).parent
STYLE = HERE / "assets" / "report.css"
INDEX_LOG = 3_000  # characters of each log on the index page, which may hold a thousand submissions


def student_page(view: Report, grades: Grades, rubric: Rubric, assets: str | None = "../../assets") -> str:
    """The page of one report, which must be a student's view where the student is to see it.

    ``assets`` is the relative path of the style sheet's folder; None puts the styles into the page, so that one file is all.
    """
    public = next((one for one in view.instances if one.name == PUBLIC), None)
    to_compare = next((one for one in grades.reference.instances if one.name == PUBLIC), None) if grades.reference else None
    return _page(
        "student.html",
        assets,
        report=view,
        grades=grades,
        rubric=rubric,
        words=explain(view.verdict, rubric),
        limits=what_limits(view, rubric),
        public=public,
        reference=student_view(grades.reference, rubric) if grades.reference else None,
        reference_layers=to_compare.layers if to_compare else None,
        hidden=[one for one in view.instances if one.name != PUBLIC],
    )


def index_page(grades: Grades, rubric: Rubric, assets: str | None = "assets") -> str:
    """The instructor's page: every submission with its whole reason. Nothing on it is cut for students' eyes."""
    points = sorted(one.points for one in grades.submissions if one.points is not None)
    return _page(
        "index.html",
        assets,
        grades=grades,
        rubric=rubric,
        verdicts=Counter(one.verdict for one in grades.submissions).most_common(),
        mean_points=sum(points) / len(points) if points else None,
        median_points=(points[(len(points) - 1) // 2] + points[len(points) // 2]) / 2 if points else None,
    )


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
    return _page(
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
    return _page(
        "sweep.html",
        assets,
        with_charts=True,
        rubric=rubric,
        found=found,
        best=None if found.best is None else found.settings[found.best],
        label=label,
        charts=[charts.figure(chart) for chart in drawn] if rows else [],
    )


def _page(template: str, assets: str | None, *, with_charts: bool = False, **values: Any) -> str:
    rubric: Rubric = values["rubric"]

    def words(verdict: Any) -> Words:
        return explain(verdict, rubric)

    if assets is None:
        style = STYLE.read_text(encoding="utf-8")
        source = "'sha256-" + base64.b64encode(hashlib.sha256(style.encode()).digest()).decode() + "'"
        values |= {"inline_style": Markup(style), "style_source": source}
    else:
        # Browsers disagree whether 'self' covers a page opened from disk; file: is meaningless on the web.
        values |= {"inline_style": None, "style_source": "'self' file:", "stylesheet": f"{assets}/{STYLE.name}"}
    scripts = charts.scripts(assets) if with_charts else None
    return _environment().get_template(template).render(**values, scripts=scripts, explain=words)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"points": _points, "percent": _percent, "figure": _figure, "seconds": _seconds, "tail": _tail}
    return environment


def _points(value: float | None) -> str:
    return "–" if value is None else points_text(value)


def _percent(share: float | None) -> str:
    """A share with up to two decimals; never rounded up to 100 %, because one missing zero is a fact."""
    if share is None:
        return "–"
    return f"{math.floor(round(share * 10_000, 6)) / 100:.2f} %"


def _figure(value: float | None) -> str:
    """Four significant digits, in plain notation where that is short."""
    if value is None:
        return "–"
    return f"{value:.4g}" if value < 1e4 else f"{value:,.0f}" if value < 1e9 else f"{value:.2e}"


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f} s"


def _tail(log: str) -> str:
    return clean(log, INDEX_LOG)
