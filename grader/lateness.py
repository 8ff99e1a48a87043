"""How late a submission is, and what that costs: due date, grace, extensions, tiers or a rate per day, with a cap.

Times come from the LMS or a commit, never from a file's own. What is not known is not punished.
"""

from __future__ import annotations

import datetime
import math
from dataclasses import dataclass

from grader import rubric
from grader.errors import UsageError
from grader.rubric import LateSection, moment

UNKNOWN = "no time of handing in is known, so the late rules were not applied"


@dataclass(frozen=True, slots=True)
class Lateness:
    """What the late rules make of one submission."""

    seconds: float  # after the due date that holds for it, grace included; 0 where it is in time
    share: float  # of the points that is taken away, 0 to 1
    words: str


def lateness(rules: LateSection | None, submitted_at: str | None, own_extension: str = "") -> Lateness | None:
    """``own_extension`` is a date or a span such as "48h". None without late rules.

    Raises UsageError for an extension that is neither.
    """
    if rules is None:
        return None
    if submitted_at is None:
        return Lateness(0.0, 0.0, UNKNOWN)
    due = extended(rules, own_extension)
    late = (moment(submitted_at, rules.timezone) - due).total_seconds()
    if late <= 0:
        return Lateness(0.0, 0.0, f"in time: due {shown(due)}" + (", with an extension" if own_extension else ""))
    if late <= 60 * rules.grace_minutes:
        return Lateness(late, 0.0, f"{span(late)} late, within the grace of {rules.grace_minutes:g} minutes")
    percent = _percent(rules, late)
    return Lateness(late, percent / 100, f"{span(late)} late (due {shown(due)}): {percent:g} % less")


def _percent(rules: LateSection, late_seconds: float) -> float:
    if rules.percent_per_day is not None:
        return min(rules.cap_percent, rules.percent_per_day * math.ceil(late_seconds / 86400))
    tiers = sorted(rules.tiers, key=lambda tier: tier.within_hours)
    within = (tier.percent for tier in tiers if late_seconds <= 3600 * tier.within_hours)
    return min(rules.cap_percent, next(within, rules.cap_percent))


def extended(rules: LateSection, own: str) -> datetime.datetime:
    """The due date with an extension: another date, or a span that is added. Raises UsageError for anything else."""
    try:
        return rubric.extended(moment(rules.due, rules.timezone), own, rules.timezone)
    except ValueError:
        raise UsageError(f"the extension is {own!r}, expected {rubric.EXTENSION}") from None


def span(seconds: float) -> str:
    """Such as 5 min, 3 h 20 min, 2 d 1 h."""
    minutes = math.ceil(seconds / 60)
    days, minutes = divmod(minutes, 1440)
    hours, minutes = divmod(minutes, 60)
    parts = [(days, "d"), (hours, "h"), (minutes if not days else 0, "min")]
    return " ".join(f"{count} {unit}" for count, unit in parts if count) or "0 min"


def shown(when: datetime.datetime) -> str:
    return when.isoformat(sep=" ", timespec="minutes")
