"""A wrong rubric is refused in one sentence; a right one judges without ever losing points from the denominator."""

from __future__ import annotations

import copy
import math
from pathlib import Path
from typing import Any

import pytest
import yaml

from grader import rubric
from grader.errors import UsageError
from grader.formulas import PARAMETER_COUNT
from grader.marking import judge
from grader.records import Failure, LayerCount, Measurement, Outcome
from grader.rubric import Rubric, parse

SHIPPED = yaml.safe_load((Path(__file__).parent.parent / "rubric.yaml").read_text())


def changed(key: str, value: Any) -> dict[str, Any]:
    found = copy.deepcopy(SHIPPED)
    *path, last = key.split(".")
    section = found
    for part in path:
        section = section[part]
    section[last] = value
    return found


def refusal(found: dict[str, Any]) -> str:
    with pytest.raises(UsageError) as refused:
        parse(found, "rubric.yaml")
    return str(refused.value)


FILES = {"train": "a.npz", "validation": "b.npz", "hidden": "c.npz", "model": "d.npz"}
THRESHOLD = {"name": "a", "kind": "threshold", "points": 1}


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("points.upper", 0.05, "points.upper is 0.05, expected a number above points.lower (0.085)"),
        ("points.max", "two", "points.max is 'two', expected a number"),
        ("points.max", math.nan, "points.max is nan, expected a finite number"),
        ("points.max", math.inf, "points.max is inf, expected a finite number"),
        ("points.max", 1e308, "points.max is 1e+308, expected a number of at most 1000000"),
        ("points", None, "points is empty, expected keys and values"),
        ("limits.cpu_seconds", -1, "limits.cpu_seconds is -1, expected a number above 0"),
        ("limits.cpu_seconds", 1e300, "limits.cpu_seconds is 1e+300, expected a number of at most 1000000"),
        ("limits.file_bytes", 1 << 60, "limits.file_bytes is 1152921504606846976, expected a number of at most"),
        ("limits.cpu_seconds", True, "limits.cpu_seconds is true, expected a number"),
        ("limits.clock", "sun", "limits.clock is 'sun', expected 'cpu', 'wall' or 'both'"),
        ("limits.memory_bytes", 1e9, "limits.memory_bytes is 1000000000.0, expected a whole number"),
        ("limits.clok", "cpu", "limits.clok is not a key of the rubric; expected one of clock, cpu_seconds,"),
        ("a\nb", {}, "'a\\nb' is not a key of the rubric"),
        ("assignment", "\ud800", "expected plain keys and finite values"),
        ("pionts", {}, "pionts is not a key of the rubric; expected one of assignment, task,"),
        ("instances.hidden", 1.5, "instances.hidden is 1.5, expected a whole number"),
        ("task", {}, "task: expected either public_seed or files"),
        ("task", {"files": FILES}, "instances.hidden is 2, expected 0, because task.files is one instance"),
        ("task", {"files": {"train": "a"}}, "task.files.validation is missing"),
        ("limits.threads", 64 + 2, "limits.threads is 66, expected at most limits.processes + 1 (65), because each counts as"),
        ("device", "tpu", "device is 'tpu', expected auto, cpu, cuda or cuda:N"),
        ("allow.exec", "yes", "allow.exec is 'yes', expected true or false"),
        ("allow.packages", ["a b"], "allow.packages.0 is 'a b', expected a package name"),
        ("criteria", {"a": 1}, "criteria is a group of keys, expected a list"),
        ("criteria", [THRESHOLD], "criteria.0: expected either at_least or at_most"),
        ("criteria", [THRESHOLD | {"kind": "magic"}], "criteria.0.kind is 'magic', expected 'threshold',"),
        ("criteria", [THRESHOLD | {"at_least": "x"}], "criteria.0.at_least is 'x', expected a number"),
        ("criteria", [THRESHOLD | {"at_least": 0}] * 2, "criteria.name is 'a' twice, expected a name of its own"),
        ("late", {"due": "2026-12-01", "per_day": 1}, "late.per_day is not a key of the rubric; expected one of due,"),
    ],
)
def test_a_wrong_value_is_refused_by_its_key(key: str, value: Any, sentence: str) -> None:
    assert refusal(changed(key, value)).startswith(f"rubric.yaml: {sentence}")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"points: [", "line 1: "),
        (b"- a\n- b\n", "expected keys and values such as 'points:', found a list"),
        (b"", "expected keys and values such as 'points:', found empty"),
        (b"points: {max: 1}\npoints: {max: 2}\n", "line 2: the key 'points' stands twice"),
        (b"\xff\xfe", "can't be read: it is not UTF-8 text"),
        (b"a: !!python/object:os.system x", "'!!python/object:os.system': tags are not allowed; write plain values"),
        (b"points: &a [*a]", ""),
        (b"points: !!bool maybe", "a value that is not of its kind (KeyError)"),
        (b"points: !!int ''", "a value that is not of its kind (IndexError)"),
        (b"points: !!timestamp x", "a value that is not of its kind (AttributeError)"),
        (b"points: " + b"[" * 5000, "nested too deeply"),
        (b"#" * (1 << 18) + b"\n", "at most 256 KiB"),
        (b"a: &a [1,1]\n" + b"".join(b"%c: &%c [*%c,*%c]\n" % (i + 1, i + 1, i, i) for i in range(97, 121)), "aliases"),
    ],
)
def test_what_is_no_rubric_is_refused_in_one_sentence(tmp_path: Path, content: bytes, sentence: str) -> None:
    path = tmp_path / "rubric.yaml"
    path.write_bytes(content)
    with pytest.raises(UsageError) as refused:
        rubric.load(path)
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)


def test_two_threads_are_possible_in_one_process() -> None:
    assert parse({"limits": {"processes": 1, "threads": 2}}, "").limits.threads == 2


def test_comments_and_spelling_do_not_change_the_digest() -> None:
    assert parse(SHIPPED, "").digest == parse(changed("points.max", 1.50), "").digest == Rubric().digest
    assert parse(changed("points.max", 2), "").digest != Rubric().digest


# Judging


def outcome(zeros: int = PARAMETER_COUNT // 2, mse: float = 10.0, failure: Failure | None = None) -> Outcome:
    if failure:
        return Outcome("public", None, failure)
    layers = {"layers.0.weight": LayerCount(zeros, PARAMETER_COUNT)}
    return Outcome("public", Measurement(zeros, PARAMETER_COUNT, layers, mse, (mse,) * 10, "0" * 64), None)


RAISED = Failure("raised", "prune", "ValueError")
OWED = Failure("not_graded", "evaluate", "the grader failed")
CRITERIA = parse(
    {
        "criteria": [
            {"name": "sparse", "kind": "threshold", "metric": "sparsity", "at_least": 0.9, "points": 0.25},
            {"name": "exact", "kind": "threshold", "metric": "mse", "at_most": 20, "points": 0.5},
            {"name": "better", "kind": "beats_reference", "metric": "mse", "points": 1},
            {"name": "essay", "kind": "manual", "points": 2},
        ]
    },
    "rubric.yaml",
)


def test_each_criterion_gives_its_points() -> None:
    marks = judge(CRITERIA, (outcome(mse=10),), (outcome(mse=90),))
    assert [mark.points for mark in marks] == [0, 0.5, 1, 0]
    assert [mark.pending for mark in marks] == [False, False, False, True]


def test_the_reference_does_not_beat_itself() -> None:
    assert judge(CRITERIA, (outcome(mse=90),), (outcome(mse=90),))[2].points == 0


def test_nobody_loses_a_mark_to_a_reference_that_failed() -> None:
    assert [mark.points for mark in judge(CRITERIA, (outcome(mse=10),), (outcome(failure=RAISED),))] == [0, 0.5, None, 0]


@pytest.mark.parametrize("failure", [RAISED, OWED])
def test_the_denominator_never_shrinks(failure: Failure) -> None:
    marks = judge(CRITERIA, (outcome(), outcome(failure=failure)), (outcome(),))
    assert sum(mark.max_points for mark in marks) + CRITERIA.points.max == CRITERIA.max_points == 5.25


def test_a_failed_instance_earns_no_further_marks_but_an_owed_one_leaves_them_open() -> None:
    assert [mark.points for mark in judge(CRITERIA, (outcome(failure=RAISED),), (outcome(),))] == [0, 0, 0, 0]
    assert [mark.points for mark in judge(CRITERIA, (outcome(failure=OWED),), (outcome(),))] == [None, None, None, 0]
