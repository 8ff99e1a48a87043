"""The instructor's page of a whole batch."""

from __future__ import annotations

import math
import statistics
import typing
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any
from urllib.parse import quote

from grader.records import Verdict
from grader.report import charts
from grader.report.advice import explain, points_text
from grader.report.attention import Concern, concerns
from grader.report.html import pieces
from grader.report.lines import Line
from grader.report.rungs import Ladder
from grader.report.schema import About, Report
from grader.report.text import one_line
from grader.rubric import Rubric

LARGE = 1_000  # submissions: of a larger class the reasons stand on pages of their own, so that the table stays quick
PER_PAGE = 200  # submissions on each of these
LOGS = 500_000  # characters of all logs together: the page shows the end of each, grades.json the whole
LOG = 3_000  # characters of one log
TEXTS = 2_000_000  # characters of all messages and tracebacks together
NAMED = 50  # findings that stand in one list; the table has the others
BINS = 30
LANES = 6  # heights on which rungs stand above the histogram, so that their names find room
PLAIN = "format(datum.value, '~g')"


@dataclass(frozen=True, slots=True)
class Summary:
    """The batch in figures. Points are those of submissions that have some: a failed one has 0, one not graded has none."""

    submissions: int
    graded: int
    mean: float | None
    median: float | None
    quartiles: tuple[float, float] | None
    seconds: float  # wall time of all runs
    median_seconds: float | None
    slowest: Line | None


@dataclass(frozen=True, slots=True)
class Bin:
    """One bar of the histogram: points from ``low``, up to ``high``."""

    low: float
    high: float
    count: int


@dataclass(frozen=True, slots=True)
class Step:
    """A rung, and how many students stand at or above it."""

    name: str
    points: float
    reached: int
    reference: bool = False


def index_page(
    about: About,
    lines: Sequence[Line],
    reports: Iterable[Report],
    rubric: Rubric,
    assets: str | None = "assets",
    *,
    ladder: Ladder | None = None,
    pseudonyms: Mapping[str, str] | None = None,
) -> Iterator[str]:
    """The instructor's page in pieces: every submission with its whole reason. Nothing on it is cut for students' eyes.

    ``lines`` and ``reports`` are the same submissions in the same order. ``ladder`` marks its rungs in the histogram,
    ``pseudonyms`` are those of the leaderboard, by student. Of a class above LARGE the reasons stand on ``details_pages``.
    """
    found = concerns(lines, Line.of(about.reference) if about.reference else None, rubric)
    scale_points = [value for one in lines if (value := one.scale_points) is not None]
    steps = _steps(about.reference, ladder, scale_points, rubric)
    bins = _bins(scale_points, rubric.points.max)
    verdicts = Counter(one.verdict for one in lines).most_common()
    return pieces(
        "index.html",
        assets,
        with_charts=True,
        own_scripts=("table.js",),
        **_table(about, lines, reports, rubric, _tags(lines, found), pseudonyms),
        lines=lines,
        summary=_summary(lines),
        verdicts=verdicts,
        concerns=found,
        most_named=NAMED,
        bins=[one for one in bins if one.count],
        steps=steps,
        ladder=ladder,
        histogram=charts.figure(_histogram(bins, steps, scale_points, rubric)),
        plane=charts.figure(_plane(lines, about.reference, rubric)),
        duration=_duration,
        details_of=_details_of if len(lines) > LARGE else None,
    )


def details_pages(
    about: About,
    lines: Sequence[Line],
    reports: Iterable[Report],
    rubric: Rubric,
    assets: str | None = "../assets",
    *,
    pseudonyms: Mapping[str, str] | None = None,
) -> Iterator[tuple[str, Iterator[str]]]:
    """(path below OUT, the page in pieces) of the pages that hold a large class's reasons; none for a smaller one.

    Each must be written before the next is asked for.
    """
    upcoming = iter(reports)
    for first in range(0, len(lines) if len(lines) > LARGE else 0, PER_PAGE):
        part = lines[first : first + PER_PAGE]
        values = _table(about, part, islice(upcoming, PER_PAGE), rubric, [one.verdict for one in part], pseudonyms)
        path = _details_of(first + 1)
        yield path, pieces("details.html", assets, **values, first=first, last=first + len(part), all=len(lines))


def _details_of(place: int) -> str:
    """Where the reasons of the submission at that place stand, counted from 1."""
    return f"details/{(place - 1) // PER_PAGE + 1}.html"


def _table(
    about: About,
    lines: Sequence[Line],
    reports: Iterable[Report],
    rubric: Rubric,
    tags: Sequence[str],
    pseudonyms: Mapping[str, str] | None,
) -> dict[str, Any]:
    """What a table of submissions needs."""
    runs = max(1, sum(len(one.instances) for one in lines))
    return {
        "about": about,
        "reports": reports,
        "rubric": rubric,
        "tags": tags,
        "titles": {verdict: explain(verdict, rubric).title for verdict in typing.get_args(Verdict)},
        "exact": _exact,
        "pseudonyms": pseudonyms or {},
        "log_room": min(LOG, LOGS // runs),
        "text_room": max(300, min(10_000, TEXTS // runs)),
    }


# Figures


def _summary(lines: Sequence[Line]) -> Summary:
    points = sorted(one.points for one in lines if one.points is not None)
    seconds = [one.seconds for one in lines if one.seconds is not None]
    quarters = statistics.quantiles(points, n=4, method="inclusive") if len(points) > 1 else None
    return Summary(
        submissions=len(lines),
        graded=sum(one.verdict == "graded" for one in lines),
        mean=statistics.fmean(points) if points else None,
        median=statistics.median(points) if points else None,
        quartiles=(quarters[0], quarters[2]) if quarters else None,
        seconds=sum(seconds),
        median_seconds=statistics.median(seconds) if seconds else None,
        slowest=max((one for one in lines if one.seconds), key=lambda one: one.seconds or 0.0, default=None),
    )


def _duration(seconds: float) -> str:
    """Such as 42.0 s, 3 min 5 s, 2 h 10 min."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60:,} h {minutes % 60} min"


def _exact(value: float | None) -> str:
    """What a column is sorted by, with more digits than it shows."""
    return "" if value is None else f"{value:.7g}"


def _tags(lines: Sequence[Line], found: Sequence[Concern]) -> list[str]:
    """What each row can be filtered by: its verdict and the concerns that name it."""
    tags: list[list[str]] = [[one.verdict] for one in lines]
    for concern in found:
        for place in concern.places:
            tags[place].append(concern.key)
    return [" ".join(one) for one in tags]


# Charts


def _steps(reference: Report | None, ladder: Ladder | None, points: Sequence[float], rubric: Rubric) -> list[Step]:
    """The ladder's rungs and the reference, the best first."""
    rungs = [(one.name, one.points(rubric), False) for one in ladder.methods] if ladder else []
    own = Line.of(reference).scale_points if reference and reference.verdict == "graded" else None
    rungs += [("reference solution", own, True)] if own is not None else []
    found = [Step(name, value, sum(one >= value for one in points), known) for name, value, known in rungs]
    return sorted(found, key=lambda step: (-step.points, step.name))


def _bins(points: Sequence[float], full: float) -> list[Bin]:
    counts = [0] * BINS
    for value in points:
        counts[min(BINS - 1, max(0, math.floor(value / full * BINS + 1e-9)))] += 1
    return [Bin(full * place / BINS, full * (place + 1) / BINS, count) for place, count in enumerate(counts)]


def _histogram(bins: Sequence[Bin], steps: Sequence[Step], points: Sequence[float], rubric: Rubric) -> charts.Chart:
    full = rubric.points.max
    most = max([1, *(one.count for one in bins)])
    roof = most / (0.66 if len(steps) > 1 else 0.8)  # what is above the bars belongs to the rungs
    bars = [
        {"low": round(one.low, 6), "high": round(one.high, 6), "n": one.count,
         "range": f"{points_text(one.low)} to {points_text(one.high)}"}
        for one in bins if one.count
    ]  # fmt: skip
    lanes = max(1, min(LANES, len(steps)))
    marks = [
        {"points": round(one.points, 4), "label": one_line(one.name, charts.LABEL), "reached": one.reached,
         "bold": one.reference, "kind": "reference" if one.reference else "method",
         "at": round(most + (roof - most) * (place % lanes + 0.6) / lanes, 4)}
        for place, one in enumerate(steps)
    ]  # fmt: skip
    axis = {"title": "points", "values": [round(full * part / 5, 4) for part in range(6)], "grid": False, "labelExpr": PLAIN}
    step = next(size * 10**power for power in range(10) for size in (1, 2, 5) if 5 * size * 10**power >= most)
    ticks = list(range(0, most + 1, step))
    count = {"title": "submissions", "values": ticks, "labelExpr": "format(datum.value, ',d')"}
    kinds = ["method", "reference"]
    color = {"field": "kind", "type": "nominal", "legend": None,
             "scale": {"domain": kinds, "range": [f"var(--chart-{kind})" for kind in kinds]}}  # fmt: skip
    spec = {
        "width": "container",
        "height": 300,
        "encoding": {
            "x": {"field": "low", "type": "quantitative", "scale": {"domain": [0, full], "nice": False}, "axis": axis},
            "y": {"field": "n", "type": "quantitative", "scale": {"domain": [0, roof], "nice": False}, "axis": count},
        },
        "layer": [
            {
                "data": {"values": bars},
                "mark": {"type": "rect", "style": "crowd", "x2Offset": -1},
                "encoding": {
                    "x2": {"field": "high"},
                    "y2": {"datum": 0},
                    "tooltip": [{"field": "range", "title": "points"}, {"field": "n", "title": "submissions", "format": ",d"}],
                },
            },
            *(_rung_layers(marks, color) if marks else []),
        ],
    }
    return charts.Chart("chart-points", "Points", _histogram_summary(steps, points, rubric), spec)


def _rung_layers(marks: Sequence[charts.Spec], color: charts.Spec) -> list[charts.Spec]:
    """Each rung as a line down to the axis, with a dot on its top for charts.js to set the name beside."""
    tips = [
        {"field": "label", "title": "name", "type": "nominal"},
        {"field": "points", "type": "quantitative", "format": ".3~f"},
        {"field": "reached", "title": "submissions at or above", "type": "quantitative", "format": ",d"},
    ]
    x = {"field": "points", "type": "quantitative"}
    return [
        {
            "data": {"values": marks},
            "mark": {"type": "rule", "strokeWidth": 1, "opacity": 0.55},
            "encoding": {"x": x, "y": {"field": "at", "type": "quantitative"}, "y2": {"datum": 0}, "color": color},
        },
        {
            "name": "named",
            "data": {"values": marks},
            "mark": {"type": "point", "filled": True, "size": 55, "style": "mark", "opacity": 1},
            "encoding": {"x": x, "y": {"field": "at", "type": "quantitative"}, "color": color, "tooltip": tips},
        },
        charts.LABELS,
    ]


def _histogram_summary(steps: Sequence[Step], points: Sequence[float], rubric: Rubric) -> str:
    full, count = rubric.points.max, len(points)
    also = ", without criteria and lateness" if rubric.criteria or rubric.late else ""
    parts = [f"{count:,} submission{'' if count == 1 else 's'} by points of {points_text(full)}{also}"]
    if points:
        top = sum(value >= full - 5e-4 for value in points)
        none = sum(value < 5e-4 for value in points)
        parts.append(f"the median is {statistics.median(points):.3g}, {none:,} without points, {top:,} with full points")
    if steps:
        best = steps[0]
        parts.append(f"{best.reached:,} at or above the highest mark, “{one_line(best.name, 80)}” with {best.points:.3g}")
    return "; ".join(parts) + "."


def _plane(lines: Sequence[Line], reference: Report | None, rubric: Rubric) -> charts.Chart:
    """All submissions, each a link to its page, and the reference solution."""
    marks = [_mark(one, "student", f"students/{quote(one.student)}/report.html") for one in lines]
    marks += [_mark(Line.of(reference), "reference", None)] if reference else []
    return charts.plane([mark for mark in marks if mark], rubric)


def _mark(line: Line, kind: charts.Kind, href: str | None) -> charts.Mark | None:
    if line.sparsity is None or line.mse is None:
        return None
    label = line.student if kind == "student" else "reference solution"
    return charts.Mark(label, line.sparsity, line.mse, line.scale_points or 0.0, kind, href)
