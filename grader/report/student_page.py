"""The page of one submission: what a student sees of it, and, with everything, what the instructor does."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from grader.picture import first_layer_mask, mask_png
from grader.records import PUBLIC, Picture
from grader.report import charts
from grader.report.advice import explain, what_limits
from grader.report.charts import Chart, Mark
from grader.report.html import page
from grader.report.lines import Line
from grader.report.rungs import Ladder
from grader.report.schema import About, InstanceReport, Report
from grader.report.student import Figures, student_view
from grader.report.text import one_line
from grader.rubric import Rubric

FEWEST = 5  # graded submissions: in a smaller class everybody knows whose the other marks are
SAMPLES = 500  # weights that are drawn against their index, of yours and of the reference's
CHARTS = ("chart-plane", "chart-distribution", "chart-distribution-layers", "chart-weights")
CROWD = 600  # marks of the class on each page, which is to stay small and quick
CORNER = 64  # rows and columns of the mask that are shown large
ARROW = re.compile(r"  > +\d+ \| ")  # before the failing line among its neighbours
PLACE = re.compile(r".+, line \d+(, in .+)?$")  # what stands above a line of source in a traceback


@dataclass(frozen=True, slots=True)
class Gallery:
    """What the weights that came back for the public instance look like, by student."""

    students: Mapping[str, Picture] = field(default_factory=dict)
    reference: Picture | None = None


@dataclass(frozen=True, slots=True)
class _Samples:
    """Some of a picture's weights."""

    chosen: Sequence[tuple[int, float]]

    @classmethod
    def of(cls, picture: Picture) -> _Samples:
        return cls(charts.evenly(picture.samples(), SAMPLES))

    def samples(self) -> Sequence[tuple[int, float]]:
        return self.chosen


@dataclass(frozen=True, slots=True)
class Around:
    """What stands around a student's own results, the same on every page of a batch: worked out once."""

    reference: Report | None  # as students may see it
    reference_layers: Mapping[str, float]  # sparsity of each parameter on the public instance
    reference_picture: Picture | None
    reference_samples: _Samples | None
    rungs: tuple[Mark, ...]  # the ladder's methods, the best first
    crowd: tuple[Mark, ...]  # the anonymous class


def around(
    about: About, lines: Sequence[Line], rubric: Rubric, reference: Picture | None = None, ladder: Ladder | None = None
) -> Around:
    """``reference`` is the picture of the reference's weights; without a ``ladder`` no rungs are shown."""
    found = about.reference
    public = _public(found) if found else None
    return Around(
        reference=student_view(found, rubric) if found else None,
        reference_layers=_layer_shares(public) if public else {},
        reference_picture=reference,
        reference_samples=_Samples.of(reference) if reference else None,
        rungs=rungs_of(ladder, rubric) if ladder else (),
        crowd=_crowd(lines, rubric) if rubric.feedback.class_comparison else (),
    )


def student_page(
    view: Report,
    about: About,
    rubric: Rubric,
    assets: str | None = "../../assets",
    *,
    picture: Picture | None = None,
    beside: Around | None = None,
) -> str:
    """The page of one report, which must be a student's view where the student is to see it.

    ``assets`` is the relative path of the folder of styles and scripts; None puts them into the page, so that one file is
    all. ``picture`` is that of the public instance's weights, and ``beside`` what all pages of the batch have in common.
    """
    beside = beside or around(about, (), rubric)
    public = _public(view)
    drawn = picture if public and public.verdict == "graded" else None
    shown = _charts(view, rubric, drawn, beside)
    return page(
        "student.html",
        assets,
        with_charts=bool(shown),
        report=view,
        about=about,
        rubric=rubric,
        words=explain(view.verdict, rubric),
        limits=what_limits(view, rubric),
        public=public,
        reference=beside.reference,
        reference_layers=beside.reference_layers,
        hidden=[one for one in view.instances if one.name != PUBLIC],
        charts=dict.fromkeys(CHARTS, "") | {chart.id: charts.figure(chart) for chart in shown},
        rungs=beside.rungs,
        standing=standing(view, beside.rungs),
        picture=drawn,
        reference_picture=beside.reference_picture,
        weights=_weights(drawn, public) if drawn and public else [],
        mask=_Mask.of(drawn) if drawn else None,
        traceback=list(_marked(public.traceback)) if public else [],
        spent=list(_spent(public, rubric)) if public else [],
    )


def _public(report: Report) -> InstanceReport | None:
    return next((one for one in report.instances if one.name == PUBLIC), None)


def _layer_shares(instance: InstanceReport) -> dict[str, float]:
    layers = instance.layers or {}
    return {name: one.zeros / one.parameters for name, one in layers.items() if one.parameters}


# Where you stand


def rungs_of(ladder: Ladder, rubric: Rubric) -> tuple[Mark, ...]:
    marks = [
        Mark(one_line(one.name, charts.LABEL), one.sparsity, one.mse, one.points(rubric), "method") for one in ladder.methods
    ]
    return tuple(sorted(marks, key=lambda mark: -mark.points))


def _crowd(lines: Sequence[Line], rubric: Rubric) -> tuple[Mark, ...]:
    """Where the class stands, as coarse as each sees it, in an order that says nothing of who is who."""
    marks = (_mark(Figures.of(line, rubric), "", "student") for line in lines)
    found = sorted((mark for mark in marks if mark), key=lambda mark: (mark.sparsity, mark.mse, mark.points))
    return tuple(charts.evenly(found, CROWD)) if len(found) >= FEWEST else ()


def _figures(view: Report) -> Figures:
    """Of a student's view: its total is finer than the points of its single instances."""
    marks = sum(mark.points or 0.0 for mark in view.marks)
    scale_points = None if view.raw_points is None else round(view.raw_points - marks, 9)
    return Figures(view.points, scale_points, view.sparsity, view.mse)


def _mark(found: Figures, label: str, kind: charts.Kind) -> Mark | None:
    if found.sparsity is None or found.mse is None or found.scale_points is None:
        return None
    return Mark(label, found.sparsity, found.mse, found.scale_points, kind)


def standing(view: Report, rungs: Sequence[Mark]) -> str:
    """Between which rungs the student stands, by the points of the score alone."""
    scored = [one.points for one in view.instances if one.points is not None]
    if not rungs or view.verdict != "graded" or len(scored) < len(view.instances):
        return ""
    points = sum(scored) / len(scored)
    above = [rung for rung in rungs if rung.points > points]
    below = [rung for rung in rungs if rung.points <= points]
    if not above:
        return f"No method of the ladder gets more points; the next one is “{below[0].label}” with {below[0].points:.2f}."
    if not below:
        return f"The lowest rung of the ladder is “{above[-1].label}” with {above[-1].points:.2f} points."
    return (
        f"On the ladder of known methods that is between “{below[0].label}” ({below[0].points:.2f}) and "
        f"“{above[-1].label}” ({above[-1].points:.2f})."
    )


# The student's own weights


def _charts(view: Report, rubric: Rubric, picture: Picture | None, beside: Around) -> list[Chart]:
    shown = []
    if you := _mark(_figures(view), "you", "you"):
        reference = _mark(_figures(beside.reference), "reference", "reference") if beside.reference else None
        shown.append(charts.plane([*beside.crowd, *beside.rungs, *([reference] if reference else []), you], rubric))
    if picture:
        by_layer = picture.histograms
        everything = {"all parameters": [sum(counts) for counts in zip(*by_layer.values(), strict=True)]}
        models = {"you": _Samples.of(picture)} | ({"reference": beside.reference_samples} if beside.reference_samples else {})
        shown += [
            charts.distribution(everything, "chart-distribution", "All weights"),
            charts.distribution(by_layer, "chart-distribution-layers", "Weights of each parameter"),
            charts.weights_by_index(models),
        ]
    return shown


@dataclass(frozen=True, slots=True)
class _Weights:
    """One row of the table of weights: about how large those are that are not zero."""

    name: str
    zeros: int
    negative: int
    positive: int
    sizes: tuple[str, ...]  # the smallest, the median and the largest magnitude


def _weights(picture: Picture, public: InstanceReport) -> list[_Weights]:
    layers = public.layers or {}
    rows = []
    for name, counts in picture.histograms.items():
        half = len(counts) // 2
        zeros = layers[name].zeros if name in layers else 0
        sizes = tuple(map(charts.size, charts.magnitudes(counts) or ())) or ("–",) * 3
        rows.append(_Weights(name, zeros, sum(counts[:half]), sum(counts[half:]), sizes))
    return rows


@dataclass(frozen=True, slots=True)
class _Mask:
    """The first layer's mask as two pictures: hidden units from left to right, inputs from top to bottom."""

    whole: str  # data: URI
    corner: str
    left: int  # weights that are not zero
    corner_left: int
    units: int
    inputs: int
    side: int = CORNER

    @classmethod
    def of(cls, picture: Picture) -> _Mask:
        mask = first_layer_mask(picture).T
        corner = mask[:CORNER, :CORNER]
        return cls(_data_uri(mask_png(mask)), _data_uri(mask_png(corner)), int(mask.sum()), int(corner.sum()), *mask.shape[::-1])


def _data_uri(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")


# What it took, and why it failed


@dataclass(frozen=True, slots=True)
class _Spent:
    """One row of time and memory against its limit."""

    name: str
    used: str
    limit: str
    share: float  # of the limit, at most 1
    counts: bool  # whether reaching the limit ends the run


def _spent(public: InstanceReport, rubric: Rubric) -> Iterator[_Spent]:
    limits, clock = rubric.limits, rubric.limits.clock
    if public.cpu_seconds is not None:
        share = public.cpu_seconds / limits.cpu_seconds
        yield _Spent("CPU time", f"{public.cpu_seconds:.1f} s", f"{limits.cpu_seconds:g} s", min(1.0, share), clock != "wall")
    if public.seconds is not None:
        share = public.seconds / limits.wall_seconds
        yield _Spent("Clock time", f"{public.seconds:.1f} s", f"{limits.wall_seconds:g} s", min(1.0, share), True)
    if public.peak_memory_bytes is not None:
        share = public.peak_memory_bytes / limits.memory_bytes
        used, most = (f"{count / (1 << 20):,.0f} MiB" for count in (public.peak_memory_bytes, limits.memory_bytes))
        yield _Spent("Peak memory", used, most, min(1.0, share), True)


def _marked(traceback: str) -> Iterator[tuple[str, bool]]:
    """The traceback's lines, and which of them is the source that failed: the one with an arrow, or below the last place."""
    lines = traceback.splitlines()
    arrows = [at for at, line in enumerate(lines) if ARROW.match(line)]
    places = [at + 1 for at, line in enumerate(lines[:-1]) if PLACE.match(line) and lines[at + 1].startswith("    ")]
    failing = next(iter(arrows[-1:] or places[-1:]), None)
    for at, line in enumerate(lines):
        yield line, at == failing
