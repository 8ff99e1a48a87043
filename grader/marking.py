"""Judges measurements by a rubric: points of the scale, marks of the criteria, lateness, and what a person has decided."""

from __future__ import annotations

from dataclasses import dataclass, replace

from grader.adjustments import Adjustment
from grader.lateness import Lateness, lateness
from grader.records import Graded, Mark, Outcome
from grader.rubric import BeatsReferenceCriterion, ManualCriterion, Rubric, ThresholdCriterion


@dataclass(frozen=True, slots=True)
class Total:
    """A submission's points and what they are made of."""

    scale: float | None  # mean over the instances; None while the grader owes one of them
    marks: tuple[Mark, ...]
    late: Lateness | None = None  # None without late rules
    late_of: float | None = None  # the points that a late submission loses a share of; None for those that were earned
    override: Adjustment | None = None

    @property
    def raw(self) -> float | None:
        """None while the grader owes any part of it: its own fault is never a zero."""
        if self.scale is None or any(mark.points is None for mark in self.marks):
            return None
        return self.scale + sum(mark.points or 0.0 for mark in self.marks)

    @property
    def late_penalty(self) -> float:
        if self.late is None or self.raw is None:
            return 0.0
        return self.late.share * (self.raw if self.late_of is None else self.late_of)

    @property
    def points(self) -> float | None:
        """What counts: an override, else what was earned less the late penalty, never below 0."""
        if self.override:
            return self.override.points
        return None if self.raw is None else max(0.0, self.raw - self.late_penalty)


def total(rubric: Rubric, graded: Graded, reference: tuple[Outcome, ...] | None, given: tuple[Adjustment, ...] = ()) -> Total:
    """The points under the rubric. ``reference`` is as for ``judge``, ``given`` is what a person decided for this student."""
    earned = [points for outcome in graded.outcomes if (points := points_on(rubric, outcome)) is not None]
    scale = sum(earned) / len(earned) if earned and len(earned) == len(graded.outcomes) else None
    return Total(
        scale,
        tuple(_by_hand(mark, given) for mark in judge(rubric, graded.outcomes, reference)),
        # Without a time nobody is late, and the reference, which has none, is not even told so.
        _late(rubric, graded, given) if (reference or graded.upload.submitted_at) and graded.verdict != "missing" else None,
        rubric.max_points if rubric.late and rubric.late.of == "maximum" else None,
        next((one for one in reversed(given) if one.points is not None and one.criterion is None), None),
    )


def _by_hand(mark: Mark, given: tuple[Adjustment, ...]) -> Mark:
    """The mark that a person has given for a criterion, if one has."""
    for one in reversed(given):
        if one.criterion == mark.criterion and mark.pending:
            reason = f"by {one.author}" + (f": {one.reason}" if one.reason else "")
            return replace(mark, points=one.points, reason=reason, pending=False)
    return mark


def _late(rubric: Rubric, graded: Graded, given: tuple[Adjustment, ...]) -> Lateness | None:
    upload, rules = graded.upload, rubric.late
    own = (rules.extensions.get(upload.student) if rules else None) or upload.person.extension
    found = lateness(rules, upload.submitted_at, own)
    waived = next((one for one in reversed(given) if one.waive_late), None)
    if found is None or waived is None:
        return found
    return replace(found, share=0.0, words=f"{found.words}; waived by {waived.author}: {waived.reason}")


def points_on(rubric: Rubric, outcome: Outcome) -> float | None:
    """The points of one instance: 0 for a failure, None where the grader has failed."""
    if found := outcome.measurement:
        return rubric.points_of(rubric.score_of(found.mse, found.sparsity))
    return None if outcome.verdict == "not_graded" else 0.0


def judge(rubric: Rubric, outcomes: tuple[Outcome, ...], reference: tuple[Outcome, ...] | None) -> tuple[Mark, ...]:
    """The marks of all criteria. ``reference`` holds the reference solution's outcomes, or None while it is judged itself."""
    if not rubric.criteria:
        return ()
    found = means(rubric, outcomes)
    to_beat = means(rubric, reference) if reference else None
    owed = any(outcome.verdict == "not_graded" for outcome in outcomes)
    if reference and to_beat is None and found:
        # Nobody can be compared with a reference that failed: the grader owes that mark.
        return tuple(_judge_one(criterion, found, None, criterion.kind == "beats_reference") for criterion in rubric.criteria)
    return tuple(_judge_one(criterion, found, to_beat, owed) for criterion in rubric.criteria)


def means(rubric: Rubric, outcomes: tuple[Outcome, ...]) -> dict[str, float] | None:
    """Mean sparsity, mse and score over the instances; None unless all of them are graded."""
    measured = [outcome.measurement for outcome in outcomes if outcome.measurement]
    if not measured or len(measured) < len(outcomes):
        return None
    n = len(measured)
    return {
        "sparsity": sum(m.sparsity for m in measured) / n,
        "mse": sum(m.mse for m in measured) / n,
        "score": sum(rubric.score_of(m.mse, m.sparsity) for m in measured) / n,
    }


def _judge_one(
    criterion: ThresholdCriterion | BeatsReferenceCriterion | ManualCriterion,
    found: dict[str, float] | None,
    to_beat: dict[str, float] | None,
    owed: bool,
) -> Mark:
    def mark(points: float | None, reason: str, pending: bool = False) -> Mark:
        return Mark(criterion.name, points, criterion.points, reason, pending)

    if criterion.kind == "manual":
        return mark(0.0, "to be marked by a person", pending=True)
    if owed:
        return mark(None, "not graded yet")
    if found is None:
        return mark(0.0, "needs every instance to be graded")
    value = found[criterion.metric]
    if criterion.kind == "threshold":
        bound, reached, word = (
            (criterion.at_least, value >= criterion.at_least, "at least")
            if criterion.at_least is not None
            else (criterion.at_most, criterion.at_most is not None and value <= criterion.at_most, "at most")
        )
        return mark(criterion.points * reached, f"{criterion.metric} {'is' if reached else 'is not'} {word} {bound:g}")
    if to_beat is None:
        return mark(0.0, "this is the reference solution")
    beaten = value < to_beat["mse"] if criterion.metric == "mse" else value > to_beat[criterion.metric]
    return mark(criterion.points * beaten, f"{criterion.metric} {'is' if beaten else 'is not'} better than the reference's")
