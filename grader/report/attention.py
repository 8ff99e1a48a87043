"""Which submissions a person should look at, and why: pure, from the lines of the class."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from grader.report.advice import points_text
from grader.report.lines import Line
from grader.report.text import one_line
from grader.rubric import Rubric, ThresholdCriterion

REASON = 240  # characters
NEAR_LIMIT = 0.9  # of a limit: a slower machine would have gone over it
WEAK = {"L0", "L1"}


@dataclass(frozen=True, slots=True)
class Finding:
    """Submissions that one reason holds for, by their places in the batch; -1 is the reference solution."""

    places: tuple[int, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Concern:
    """Findings of one kind."""

    key: str  # in addresses and filters
    title: str
    meaning: str
    findings: tuple[Finding, ...]

    @property
    def places(self) -> set[int]:
        return {place for finding in self.findings for place in finding.places if place >= 0}


def concerns(lines: Sequence[Line], reference: Line | None, rubric: Rubric) -> list[Concern]:
    """What needs a person's attention, the most pressing first; kinds without findings are left out."""
    found = [
        Concern(
            "owed",
            "Not graded",
            "The grader failed, not the submission. Run the same command again; if they stay, read the reason.",
            _each(lines, _owed),
        ),
        Concern(
            "threshold",
            "At a threshold",
            "Points or a criterion could have come out on the other side: the bound lies within the spread of the instances "
            "(one standard deviation).",
            _each(lines, lambda one: _near_thresholds(one, rubric)),
        ),
        Concern(
            "same-file",
            "Identical files",
            "The uploads are the same, byte for byte.",
            tuple(_same_file(lines)),
        ),
        Concern(
            "same-weights",
            "Identical weights from different files",
            "On the public instance the returned weights are the same, bit for bit. Simple methods with the same setting do "
            "that honestly.",
            tuple(_same_weights(lines, reference)),
        ),
        Concern(
            "pending",
            "Marks that a person has still to give",
            "Until then these criteria count 0.",
            _each(lines, _pending),
        ),
        Concern(
            "isolation",
            "Graded with weak isolation",
            "Below L2 a submission could have read files of the grader's account. Grade again on a machine with isolation "
            "(grade.py doctor says what is missing).",
            _each(lines, lambda one: [f"graded at {one.isolation}"] if one.isolation in WEAK else []),
        ),
        Concern(
            "limit",
            "Close to a limit",
            f"At {NEAR_LIMIT:.0%} of a limit or more: a slower or busier machine could have cut the run.",
            _each(lines, lambda one: _near_limits(one, rubric)),
        ),
    ]
    return [concern for concern in found if concern.findings]


def _each(lines: Sequence[Line], reasons: Callable[[Line], Iterable[str]]) -> tuple[Finding, ...]:
    """Those with the same reason stand together."""
    places: dict[str, list[int]] = {}
    for place, one in enumerate(lines):
        for reason in reasons(one):
            places.setdefault(reason, []).append(place)
    return tuple(Finding(tuple(found), reason) for reason, found in places.items())


def _owed(line: Line) -> list[str]:
    return [line.message or "no reason was recorded"] if line.verdict == "not_graded" else []


def _near_thresholds(line: Line, rubric: Rubric) -> Iterator[str]:
    scores = [one.score for one in line.instances if one.score is not None]
    if len(scores) < len(line.instances) or len(scores) < 2:
        return
    scale = rubric.points.max / (rubric.points.upper - rubric.points.lower)
    # As if the scale went on beyond both ends: cut points have no spread.
    points = [scale * (score - rubric.points.lower) for score in scores]
    for bound, words in ((rubric.points.max, f"full points ({points_text(rubric.points.max)})"), (0.0, "no points")):
        mean, spread = statistics.fmean(points), statistics.stdev(points)
        if abs(mean - bound) <= spread:
            yield f"{points_text(max(0.0, mean))} ± {points_text(spread)} points on the scale, near {words}"
    for criterion in rubric.criteria:
        if isinstance(criterion, ThresholdCriterion):
            yield from _near_criterion(line, criterion)


def _near_criterion(line: Line, criterion: ThresholdCriterion) -> Iterator[str]:
    values = [float(getattr(one, criterion.metric)) for one in line.instances if getattr(one, criterion.metric) is not None]
    bound = criterion.at_least if criterion.at_least is not None else criterion.at_most
    if len(values) < len(line.instances) or bound is None:
        return
    mean, spread = statistics.fmean(values), statistics.stdev(values)
    if abs(mean - bound) <= spread:
        side = "at least" if criterion.at_least is not None else "at most"
        met = mean >= bound if criterion.at_least is not None else mean <= bound
        yield (
            f"{one_line(criterion.name, 80)} ({'met' if met else 'missed'}): {criterion.metric} {mean:.5g} ± {spread:.2g}, "
            f"{side} {bound:g} is asked for"
        )


def _same_file(lines: Sequence[Line]) -> Iterator[Finding]:
    """Groups with the same upload, unless it is one submission of several people."""
    for places in _groups([one.sha256 for one in lines]):
        if len({lines[place].source for place in places}) > 1:
            yield Finding(places, f"the same upload, SHA-256 {(lines[places[0]].sha256 or '')[:12]}…")


def _same_weights(lines: Sequence[Line], reference: Line | None) -> Iterator[Finding]:
    """Groups with the same weights, unless all of them handed in one file; the reference solution may be one of them."""
    with_reference = [*lines, *([reference] if reference else [])]
    for places in _groups([one.instances[0].weights_sha256 for one in with_reference]):
        if len({with_reference[place].sha256 for place in places}) < 2:
            continue
        first = with_reference[places[0]].instances[0]
        kind = ", all zero" if first.zeros is not None and first.zeros == first.parameters else ""
        yield Finding(
            tuple(place if place < len(lines) else -1 for place in places),
            f"the same weights{kind}, sparsity {first.sparsity or 0.0:.4f}",
        )


def _groups(digests: Sequence[str | None]) -> list[tuple[int, ...]]:
    """Places with the same digest, where there is more than one."""
    places: dict[str, list[int]] = {}
    for place, digest in enumerate(digests):
        if digest:
            places.setdefault(digest, []).append(place)
    return [tuple(found) for found in places.values() if len(found) > 1]


def _pending(line: Line) -> list[str]:
    waiting = [f"{criterion} (up to {points_text(most)})" for criterion, most in line.pending]
    return [one_line(", ".join(waiting), REASON)] if waiting else []


def _near_limits(line: Line, rubric: Rubric) -> Iterator[str]:
    if line.verdict != "graded":
        return
    limits = rubric.limits
    cpu = max((one.cpu_seconds or 0.0 for one in line.instances), default=0.0)
    wall = max((one.seconds or 0.0 for one in line.instances), default=0.0)
    memory = max((one.peak_memory_bytes or 0 for one in line.instances), default=0)
    if limits.clock != "wall" and cpu >= NEAR_LIMIT * limits.cpu_seconds:
        yield f"{cpu:.1f} of {limits.cpu_seconds:g} s of CPU time on its slowest instance"
    if wall >= NEAR_LIMIT * limits.wall_seconds:
        yield f"{wall:.1f} of {limits.wall_seconds:g} s on the clock on its slowest instance"
    if memory >= NEAR_LIMIT * limits.memory_bytes:
        yield f"{memory / (1 << 20):,.0f} of {limits.memory_bytes / (1 << 20):,.0f} MiB of memory"
