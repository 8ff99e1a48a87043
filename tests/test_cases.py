"""Every folder of tests/cases/ is a submission and what must become of it. A new trick is a new folder, no new code.

case.yaml: ``expect`` (verdict), and where they matter ``stage``, ``message`` (a part of it), ``points`` (bounds on the
public validation split), ``limits`` (instead of the rubric's), ``needs`` (what must be there for the case to make sense).
"""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml

from grader import batch, pipeline, rubric, task
from grader.pipeline import Bench
from grader.records import Graded, Outcome, Upload
from grader.report import build, student

CASES = sorted(path.parent for path in Path(__file__).parent.glob("cases/*/case.yaml"))
RULES = rubric.load(Path(__file__).parent.parent / "rubric.yaml")


@pytest.fixture(scope="module")
def bench_for(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[dict[str, Any]], Bench]]:
    """A bench of the public instance for given limits; one for each set of limits, all open until the module is done."""
    home = tmp_path_factory.mktemp("home")
    instance = task.public(RULES, home, home)
    benches: dict[str, Bench] = {}
    with ExitStack() as opened:

        def get(limits: dict[str, Any]) -> Bench:
            key = json.dumps(limits, sort_keys=True)
            if key not in benches:
                rules = RULES.model_copy(update={"limits": RULES.limits.model_copy(update=limits)})
                bench = batch.open_bench(rules, [instance], isolation="strict", device="cpu", forbidden=(home,))
                benches[key] = opened.enter_context(bench)
            return benches[key]

        yield get


def run(case: Path, bench: Bench) -> Graded:
    (source,) = (path for path in case.iterdir() if path.stem == "submission")
    return pipeline.grade(Upload(case.name, source.name, str(source), source), bench)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_case_gets_its_verdict(case: Path, bench_for: Callable[[dict[str, Any]], Bench]) -> None:
    expected = yaml.safe_load((case / "case.yaml").read_text())
    for need in expected.get("needs", ()):
        if need != "confinement":  # which every bench here has, or it would not have opened
            importlib.metadata.distribution(need)  # the set-up installs it: a missing one is a failure, not a skip
    graded = run(case, bench_for(expected.get("limits", {})))
    (outcome,) = graded.outcomes
    _check(outcome, expected, graded)


def _check(outcome: Outcome, expected: dict[str, Any], graded: Graded) -> None:
    failure = outcome.failure
    assert outcome.verdict == expected["expect"], failure
    if failure:
        assert failure.stage == expected.get("stage", failure.stage)
        assert expected.get("message", "") in failure.message
        assert not outcome.measurement
    if bounds := expected.get("points"):
        assert outcome.measurement
        lower, upper = bounds
        report = build.report(graded, RULES, None)
        assert report.points is not None
        assert lower <= report.points <= upper


def test_two_runs_of_a_submission_measure_the_same(bench_for: Callable[[dict[str, Any]], Bench]) -> None:
    case = next(case for case in CASES if case.name == "fine_tunes")
    bench = bench_for({})
    first, second = (run(case, bench).outcomes[0] for _ in range(2))
    assert first.measurement is not None
    assert first.measurement == second.measurement


def test_every_verdict_that_a_submission_can_earn_has_a_case() -> None:
    covered = {yaml.safe_load((case / "case.yaml").read_text())["expect"] for case in CASES}
    earned = {"graded", "unreadable", "no_entry", "raised", "exited", "crashed", "timed_out", "out_of_memory", "rejected"}
    assert covered == earned


def test_a_student_view_of_every_failure_names_the_verdict(bench_for: Callable[[dict[str, Any]], Bench]) -> None:
    case = next(case for case in CASES if yaml.safe_load((case / "case.yaml").read_text())["expect"] == "raised")
    view = student.student_view(build.report(run(case, bench_for({})), RULES, None), RULES)
    assert (view.verdict, view.points) == ("raised", 0)
