"""Every folder of tests/cases/ is a submission and what must become of it: a new trick is a new folder, no new code.

Each runs alone; and each attack runs once more with every layer off that stops it, where it must succeed: a test that
never bites is worth nothing. What case.yaml says stands in ``corpus``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import corpus
import pytest
from corpus import CASES, Case, Target

from grader import batch, intake, pipeline, rubric, task
from grader.pipeline import Bench
from grader.records import Graded, Outcome
from grader.report import build, student
from grader.rubric import Rubric
from grader.sandbox import PublicData, Sandbox

RULES = rubric.load(Path(__file__).parent.parent / "rubric.yaml")
BITING = [case for case in CASES if case.bites]
LIFTED = {"cpu_seconds": 10, "wall_seconds": 20}


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    with corpus.target(tmp_path_factory.mktemp("target")) as made:
        yield made


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> task.Instance:
    home = tmp_path_factory.mktemp("home")
    return task.public(RULES, home, home)


@pytest.fixture(scope="module")
def bench_for(instance: task.Instance, target: Target) -> Iterator[Callable[[Case], Bench]]:
    """A bench of the public instance under a case's rules; one for each set of rules, all open until the module is done."""
    benches: dict[str, Bench] = {}
    with ExitStack() as opened:

        def get(case: Case) -> Bench:
            rules = corpus.rules_of(case, RULES)
            key = rules.model_dump_json()
            if key not in benches:
                forbidden = (Path(target.places["HIDDEN"]),)
                bench = batch.open_bench(rules, [instance], isolation="strict", device="cpu", forbidden=forbidden)
                benches[key] = opened.enter_context(bench)
            return benches[key]

        yield get


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


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
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
def open_sandbox(instance: task.Instance) -> Iterator[Callable[[Case], tuple[Sandbox, PublicData]]]:
    """A sandbox without what a case needs, and the data of a run in it."""
    opened: dict[tuple[frozenset[str], str], Sandbox] = {}
    data = PublicData.of("public", instance.public_arrays())
    with ExitStack() as stack:

        def get(case: Case) -> tuple[Sandbox, PublicData]:
            assert case.needs
            rules = corpus.rules_of(case, RULES)
            key = (case.needs, rules.model_dump_json())
            if key not in opened:
                opened[key] = stack.enter_context(Sandbox(rules, forbidden=(), without=case.needs))
            return opened[key], data

        yield get


@pytest.mark.parametrize("case", BITING, ids=lambda case: case.name)
def test_an_attack_succeeds_without_the_layers_that_stop_it(
    case: Case, open_sandbox: Callable[[Case], tuple[Sandbox, PublicData]], target: Target, tmp_path: Path
) -> None:
    sandbox, data = open_sandbox(case)
    submission = intake.read(corpus.hand_in(case, target, tmp_path))
    run = sandbox.run(submission, data)
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
