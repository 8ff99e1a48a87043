"""Late rules: what is late, by how much, and what it costs; and what a person decides instead."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from test_report import failed, graded, submission

from grader import adjustments, marking
from grader.adjustments import Adjustment, Adjustments
from grader.errors import UsageError
from grader.lateness import extended, lateness, span
from grader.records import Graded
from grader.report import build, student
from grader.rubric import Rubric, parse

DUE = "2026-12-01T23:59"
TIERS = [{"within_hours": 24, "percent": 10}, {"within_hours": 72, "percent": 30}]


def rules(**late: Any) -> Rubric:
    return parse({"late": {"due": DUE, "timezone": "Europe/Berlin", **late}}, "rubric.yaml")


def share(submitted_at: str, own: str = "", **late: Any) -> float:
    found = lateness(rules(**late).late, submitted_at, own)
    assert found
    return found.share


def at(submitted_at: str | None) -> Graded:
    found = submission(graded("public", mse=60.0))
    return replace(found, upload=replace(found.upload, submitted_at=submitted_at))


@pytest.mark.parametrize(
    ("submitted_at", "expected"),
    [
        ("2026-12-01T22:59:00Z", 0.0),  # 23:59 in Berlin
        ("2026-12-01T23:03:00Z", 0.0),  # within the grace
        ("2026-12-01T23:05:00Z", 0.1),
        ("2026-12-02T22:59:00Z", 0.1),
        ("2026-12-02T22:59:01Z", 0.3),
        ("2026-12-04T23:00:00Z", 0.8),  # beyond the last tier: the cap
    ],
)
def test_tiers_count_from_the_due_date_in_its_time_zone(submitted_at: str, expected: float) -> None:
    assert share(submitted_at, tiers=TIERS, grace_minutes=5, cap_percent=80) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("submitted_at", "expected"),
    [("2026-12-02T00:00+01:00", 0.15), ("2026-12-02T23:59+01:00", 0.15), ("2026-12-03T00:00+01:00", 0.3), ("2027-01-01", 0.5)],
)
def test_each_day_that_has_begun_costs_up_to_the_cap(submitted_at: str, expected: float) -> None:
    assert share(submitted_at, percent_per_day=15, cap_percent=50) == pytest.approx(expected)


def test_without_a_cap_everything_can_be_lost_and_no_more() -> None:
    assert share("2027-12-01", percent_per_day=15) == 1.0


def test_summer_time_is_the_time_zones() -> None:
    summer = parse({"late": {"due": "2026-07-01T12:00", "timezone": "Europe/Berlin", "percent_per_day": 10}}, "rubric.yaml").late
    in_time, late = (lateness(summer, when) for when in ("2026-07-01T10:00:00Z", "2026-07-01T10:00:01Z"))
    assert in_time and late and (in_time.share, late.share) == (0.0, 0.1)


@pytest.mark.parametrize("own", ["48h", "2d", "2 days", "2026-12-03T23:59", "2026-12-03T22:59Z"])
def test_an_extension_is_a_span_or_a_date(own: str) -> None:
    late = rules(percent_per_day=10).late
    assert (late and extended(late, own).isoformat() == "2026-12-03T23:59:00+01:00") or own.endswith("Z")
    assert share("2026-12-03T23:58+01:00", own, percent_per_day=10) == 0.0
    assert share("2026-12-04T00:00+01:00", own, percent_per_day=10) == 0.1


def test_an_extension_never_brings_the_date_forward() -> None:
    assert share("2026-12-01T20:00+01:00", "2026-11-01", percent_per_day=10) == 0.0


def test_an_extension_that_is_neither_is_refused() -> None:
    with pytest.raises(UsageError, match="the extension is 'soon', expected a date such as"):
        share(DUE, "soon", percent_per_day=10)


def test_what_is_not_known_is_not_punished() -> None:
    found = lateness(rules(percent_per_day=10).late, None)
    assert found and found.share == 0.0 and "no time of handing in is known" in found.words


def test_spans_are_told_as_people_do() -> None:
    assert [span(s) for s in (0, 59, 3_600, 3_661, 86_400, 90_061)] == ["0 min", "1 min", "1 h", "1 h 2 min", "1 d", "1 d 1 h"]


@pytest.mark.parametrize(
    ("late", "sentence"),
    [
        ({"percent_per_day": 10, "due": "tomorrow"}, "late.due is 'tomorrow', expected a date such as 2026-12-01T23:59"),
        ({"percent_per_day": 10, "timezone": "Berlin"}, "late.timezone is 'Berlin', expected a time zone such as"),
        ({}, "late: expected either tiers or percent_per_day"),
        ({"percent_per_day": 10, "tiers": TIERS}, "late: expected either tiers or percent_per_day"),
        ({"percent_per_day": 110}, "late.percent_per_day is 110, expected a number of at most 100"),
        (
            {"percent_per_day": 10, "extensions": {"ada": "48h", "nobody": "soon"}},
            "late.extensions.nobody is 'soon', expected a date such as 2026-12-05T23:59 or a span such as 48h",
        ),
        ({"percent_per_day": 10, "extensions": {"ada": "9" * 400 + "w"}}, "late.extensions.ada is '999"),
        ({"per_day": 10}, "late.per_day is not a key of the rubric; expected one of due, timezone"),
    ],
)
def test_wrong_late_rules_get_one_sentence(late: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UsageError, match="rubric.yaml: ") as refused:
        rules(**late)
    assert sentence in str(refused.value)


def test_dates_may_be_written_without_quotes() -> None:
    found = yaml.safe_load("late: {due: 2026-12-01T23:59:00+01:00, percent_per_day: 10}")
    late = parse(found, "rubric.yaml").late
    assert late and lateness(late, "2026-12-01T22:59:00Z") == lateness(rules(percent_per_day=10).late, "2026-12-01T22:59:00Z")


# Points


def test_a_late_submission_loses_a_share_of_what_it_earned_or_of_all_points() -> None:
    late = at("2026-12-02T12:00+01:00")
    earned, of_all = (marking.total(rules(percent_per_day=20, of=of), late, late.outcomes) for of in ("earned", "maximum"))
    assert earned.raw is not None and earned.points == pytest.approx(0.8 * earned.raw)
    assert of_all.raw is not None and of_all.points == pytest.approx(of_all.raw - 0.2 * 1.5)


def test_points_never_fall_below_zero_and_what_is_owed_stays_owed() -> None:
    rubric = rules(percent_per_day=100, of="maximum")
    late = at("2026-12-02T12:00+01:00")
    assert marking.total(rubric, late, late.outcomes).points == 0.0
    owed = replace(late, outcomes=(failed("public", "not_graded"),))
    assert (marking.total(rubric, owed, late.outcomes).points, marking.total(rubric, owed, late.outcomes).late_penalty) == (
        None,
        0,
    )


def test_an_extension_of_the_rubric_is_by_student() -> None:
    late = at("2026-12-02T12:00+01:00")
    rubric = rules(percent_per_day=20, extensions={"ada": "24h"})
    assert marking.total(rubric, late, late.outcomes).late_penalty == 0.0
    bob = replace(late, upload=replace(late.upload, student="bob"))
    assert marking.total(rubric, bob, late.outcomes).late_penalty > 0.0


def test_the_reference_is_never_late() -> None:
    assert marking.total(rules(percent_per_day=20), at(None), None).late is None


# What a person decides

MANUAL = {"criteria": [{"kind": "manual", "name": "write-up", "points": 1.0}]}


def decided(**entry: Any) -> Adjustment:
    return Adjustment.model_validate({"student": "ada", "author": "Dr. X", **entry})


def test_a_manual_mark_is_filled_in_with_author_and_reason() -> None:
    rubric, one = parse(MANUAL, "rubric.yaml"), decided(criterion="write-up", points=0.5, reason="no plots")
    report = build.report(at(None), rubric, at(None).outcomes, (one,))
    (mark,) = report.marks
    assert (mark.points, mark.pending, mark.reason) == (0.5, False, "by Dr. X: no plots")
    assert report.points == pytest.approx(build.report(at(None), rubric, at(None).outcomes).points + 0.5)  # type: ignore[operator]


def test_an_override_is_what_counts_and_stays_exact_for_its_student() -> None:
    rubric = parse({"feedback": {"hidden_figures": "banded"}}, "rubric.yaml")
    given = (decided(points=0.3, reason="first"), decided(points=1.2345, reason="regraded by hand"))
    report = build.report(at(None), rubric, at(None).outcomes, given)
    assert report.points == 1.2345 and report.raw_points != 1.2345
    view = student.student_view(report, rubric)
    assert view.points == 1.2345 and [one.reason for one in view.decisions] == ["first", "regraded by hand"]


def test_a_waived_penalty_costs_nothing_and_says_who_waived_it() -> None:
    report = build.report(
        at("2026-12-02T12:00+01:00"), rules(percent_per_day=20), at(None).outcomes, (decided(waive_late=True, reason="ill"),)
    )
    assert report.late_penalty == 0.0 and report.lateness and report.lateness.endswith("waived by Dr. X: ill")


def test_a_late_penalty_tells_a_student_no_more_than_the_points_do() -> None:
    rubric = rules(percent_per_day=33)
    report = build.report(at("2026-12-02T12:00+01:00"), rubric, at(None).outcomes)
    view = student.student_view(report, rubric)
    assert view.late_penalty == round(report.late_penalty, 3) != report.late_penalty


@pytest.mark.parametrize(
    ("entries", "sentence"),
    [
        ("student: ada", "expected a list of entries such as '- student: ada', found a group of keys"),
        ("- ada", "entry 1: expected keys and values such as 'student: ada', found 'ada'"),
        ("- {student: ada, author: x, comment: c}\n- {student: ada, points: 1}", "entry 2: author is missing"),
        ("- {student: ada, author: x, points: 1}", "entry 1: reason is missing, expected some words for the"),
        ("- {student: ada, author: x, waive_late: true}", "because waive_late takes away a penalty"),
        ("- {student: ada, author: x}", "expected points, waive_late or a comment"),
        ("- {student: ada, author: x, point: 1}", "point is not a key of an adjustment; expected one of student, author"),
        ("- {student: ada, author: x, points: many, reason: r}", "points is 'many', expected a number"),
        ("- {student: ada, author: x, criterion: style, points: 1}", "criterion is 'style', expected a manual criterion of the"),
        ("- {student: ada, author: x, criterion: write-up, points: 2}", "points is 2, expected at most the 1 of 'write-up'"),
    ],
)
def test_wrong_adjustments_get_one_sentence(entries: str, sentence: str, tmp_path: Path) -> None:
    (tmp_path / "adjustments.yaml").write_text(entries)
    with pytest.raises(UsageError, match="adjustments.yaml: ") as refused:
        adjustments.load(tmp_path / "rubric.yaml", parse(MANUAL, "rubric.yaml"))
    assert sentence in str(refused.value)


def test_no_file_means_no_adjustments_and_strangers_are_named(tmp_path: Path) -> None:
    assert adjustments.load(tmp_path / "rubric.yaml", Rubric()) == Adjustments()
    (tmp_path / "adjustments.yaml").write_text("- {student: eve, author: x, comment: welcome}\n")
    found = adjustments.load(tmp_path / "rubric.yaml", Rubric())
    assert found.unknown(["ada"]) == ["eve"] and Adjustments.of_json(found.to_json()) == found
