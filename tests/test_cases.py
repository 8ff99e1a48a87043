"""Every folder of tests/cases/ is a submission and what must become of it: a new trick is a new folder, no new code.

Each runs alone; and each attack runs once more with every layer off that stops it, where it must succeed: a test that
never bites is worth nothing. What case.yaml says stands in ``corpus``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any, Generic, TypeVar

import corpus
import pytest
from corpus import CASES, Case, Target

from grader import intake, opening, pipeline, rubric, task
from grader.handover import PublicData
from grader.pipeline import Bench
from grader.records import Graded, Outcome
from grader.report import build, student
from grader.rubric import Rubric
from grader.sandbox import Sandbox

RULES = rubric.load(Path(__file__).parent.parent / "rubric.yaml")
BITING = [case for case in CASES if case.bites]
T = TypeVar("T")


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    with corpus.target(tmp_path_factory.mktemp("target")) as made:
        yield made


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> task.Instance:
    home = tmp_path_factory.mktemp("home")
    return task.public(RULES, home, home)


class OneOpen(Generic[T]):
    """Keeps open what the case before has used, if this one can use it too: the cases come in an order that makes it likely."""

    def __init__(self, opener: Callable[[Case], AbstractContextManager[T]], key: Callable[[Case], object]) -> None:
        self._opener, self._key = opener, key
        self._stack = ExitStack()
        self._open: tuple[object, T] | None = None

    def __call__(self, case: Case) -> T:
        key = self._key(case)
        if self._open is None or self._open[0] != key:
            self.close()
            self._open = (key, self._stack.enter_context(self._opener(case)))
        return self._open[1]

    def close(self) -> None:
        self._open = None
        self._stack.close()


def slow_ones_marked(cases: list[Case]) -> list[Any]:
    """Cases with limits of their own mostly run into them, which takes its time. In CI only the whole corpus has them."""
    marks = {True: (pytest.mark.long, pytest.mark.longest), False: ()}
    return [pytest.param(case, marks=marks[bool(case.limits or case.allow)], id=case.name) for case in cases]


def key_of_rules(case: Case) -> str:
    return json.dumps([dict(case.limits), dict(case.allow)], sort_keys=True)


def key_of_needs(case: Case) -> tuple[list[str], str]:
    return sorted(case.needs or ()), key_of_rules(case)


@pytest.fixture(scope="module")
def bench_for(instance: task.Instance, target: Target) -> Iterator[Callable[[Case], Bench]]:
    """A bench of the public instance under a case's rules."""

    def opener(case: Case) -> AbstractContextManager[Bench]:
        forbidden = (Path(target.places["HIDDEN"]),)
        rules = corpus.rules_of(case, RULES)
        return opening.open_bench(rules, [instance], isolation="strict", device="cpu", forbidden=forbidden, standby=False)

    benches = OneOpen(opener, key_of_rules)
    yield benches
    benches.close()


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    before = corpus.world()
    yield
    assert corpus.leftovers(before) == []


@pytest.fixture
def run(bench_for: Callable[[Case], Bench], target: Target, tmp_path: Path) -> Callable[[Case], Graded]:
    return lambda case: pipeline.grade(corpus.hand_in(case, target, tmp_path), bench_for(case))


def points_of(outcome: Outcome, graded: Graded, rules: Rubric) -> float:
    assert outcome.measurement
    points = build.report(graded, rules, None).points
    assert points is not None
    return points


@pytest.mark.parametrize("case", slow_ones_marked(sorted(CASES, key=key_of_rules)))
def test_a_case_gets_its_verdict(case: Case, run: Callable[[Case], Graded], bench_for: Callable[[Case], Bench]) -> None:
    case = case.under(bench_for(case).sandbox.isolation.layers)
    graded = run(case)
    (outcome,) = graded.outcomes
    assert corpus.what_differs(case, outcome) == []
    assert (outcome.measurement is None) == (outcome.failure is not None)
    if case.points:
        lower, upper = case.points
        assert lower <= points_of(outcome, graded, RULES) <= upper


# --- attacks with their layers off ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def data(instance: task.Instance) -> Iterator[PublicData]:
    made = PublicData.of("public", instance.public_arrays())
    yield made
    os.close(made.fd)


@pytest.fixture(scope="module")
def open_sandbox() -> Iterator[Callable[[Case], Sandbox]]:
    """A sandbox without what a case needs."""
    sandboxes = OneOpen(lambda case: Sandbox(corpus.rules_of(case, RULES), forbidden=(), without=case.needs or ()), key_of_needs)
    yield sandboxes
    sandboxes.close()


@pytest.mark.long
@pytest.mark.parametrize("case", sorted(BITING, key=key_of_needs), ids=lambda case: case.name)
def test_an_attack_succeeds_without_the_layers_that_stop_it(
    case: Case, open_sandbox: Callable[[Case], Sandbox], data: PublicData, target: Target, tmp_path: Path
) -> None:
    submission = intake.read(corpus.hand_in(case, target, tmp_path))
    run = open_sandbox(case).run(submission, data)
    assert "BREACH" in run.log, (run.failure, run.log)


# --- the corpus as a whole --------------------------------------------------------------------------------------------


def case_named(name: str) -> Case:
    return next(case for case in CASES if case.name == name)


def test_two_runs_of_a_submission_measure_the_same(run: Callable[[Case], Graded]) -> None:
    first, second = (run(case_named("fine_tunes")).outcomes[0] for _ in range(2))
    assert first.measurement is not None
    assert first.measurement == second.measurement


def test_every_verdict_that_a_submission_can_earn_has_a_case() -> None:
    earned = {"graded", "unreadable", "no_entry", "raised", "exited", "crashed", "timed_out", "out_of_memory", "rejected"}
    assert {case.expect for case in CASES} == earned


def test_a_student_view_of_every_failure_names_the_verdict(run: Callable[[Case], Graded]) -> None:
    graded = run(case_named("raises"))
    view = student.student_view(build.report(graded, RULES, None), RULES)
    assert (view.verdict, view.points) == ("raised", 0)
