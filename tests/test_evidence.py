"""What the keeper concludes from clock, wait status and a claim that is worth nothing."""

from __future__ import annotations

import json
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader import evidence, rubric
from grader.errors import GraderError
from grader.evidence import Evidence
from grader.inside import proof

LIMITS = rubric.load(Path(__file__).parent.parent / "rubric.yaml").limits
QUIET = Evidence(claim=None, stage="prune", overdue=False, killed=None, wait_status=0, cpu_seconds=1.0)
KILLED = replace(QUIET, wait_status=int(signal.SIGKILL))


def verdict(found: Evidence, **limits: Any) -> str:
    return evidence.failure(found, LIMITS.model_copy(update=limits), "lost").verdict


@pytest.mark.parametrize(("changes", "expected"), [
    ({}, "exited"),
    ({"wait_status": 256}, "exited"),
    ({"wait_status": int(signal.SIGSEGV)}, "crashed"),
    ({"wait_status": 64}, "crashed"),
    ({"wait_status": int(signal.SIGKILL)}, "crashed"),
    ({"wait_status": int(signal.SIGKILL), "peak_memory_bytes": 4 << 30}, "out_of_memory"),
    ({"wait_status": int(signal.SIGSEGV), "peak_memory_bytes": 4 << 30}, "crashed"),
    ({"wait_status": int(signal.SIGKILL), "killed": "memory"}, "out_of_memory"),
    ({"wait_status": int(signal.SIGKILL), "killed": "cpu"}, "timed_out"),
    ({"wait_status": int(signal.SIGKILL), "killed": "wall"}, "timed_out"),
    ({"wait_status": int(signal.SIGKILL), "killed": "leash", "overdue": True}, "timed_out"),
    ({"wait_status": int(signal.SIGKILL), "killed": "leash"}, "rejected"),
    ({"wait_status": int(signal.SIGKILL), "killed": "leash", "overdue": True, "peak_memory_bytes": 4 << 30}, "timed_out"),
    ({"wait_status": int(signal.SIGXCPU), "cpu_seconds": 61.0}, "timed_out"),
    ({"claim": {"claim": "graded"}}, "rejected"),
    ({"claim": {"claim": "not_graded"}}, "rejected"),
    ({"claim": {"claim": "crashed"}}, "rejected"),
    ({"claim": {"claim": ["raised"]}}, "rejected"),
])  # fmt: skip
def test_a_verdict_follows_from_what_was_seen(changes: dict[str, Any], expected: str) -> None:
    assert verdict(replace(QUIET, **changes)) == expected


def test_cpu_time_is_no_reason_where_the_clock_is_the_walls() -> None:
    used_much = replace(KILLED, cpu_seconds=500.0)
    assert verdict(used_much, clock="cpu") == verdict(used_much, clock="both") == "timed_out"
    assert verdict(used_much, clock="wall") == "crashed"


@pytest.mark.parametrize("found", [
    replace(QUIET, wait_status=None),
    replace(KILLED, killed="orphaned"),
    replace(KILLED, machine_lacks_memory=True),
])  # fmt: skip
def test_the_graders_own_failure_is_no_verdict(found: Evidence) -> None:
    with pytest.raises(GraderError):
        verdict(found)


def test_a_claim_stands_even_where_the_machine_lacks_memory() -> None:
    assert verdict(replace(KILLED, machine_lacks_memory=True, claim={"claim": "raised"})) == "raised"


def test_a_sleeper_is_told_that_it_slept() -> None:
    message = evidence.failure(replace(KILLED, killed="wall"), LIMITS, "").message
    assert "used only 1.0 s of CPU time" in message and "limits.wall_seconds" in message


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()), lambda inner: st.lists(inner, max_size=3)
)
claims = st.fixed_dictionaries(
    {"claim": st.sampled_from(evidence.CLAIMS)},
    optional=dict.fromkeys(("stage", "message", "traceback", "exception", "line", "notes"), anything),
)


@given(claims)
def test_whatever_a_claim_holds_makes_a_failure_that_can_be_written(claim: dict[str, Any]) -> None:
    failed = evidence.failure(replace(QUIET, claim=claim), LIMITS, "lost")
    json.dumps([failed.message, failed.traceback, failed.exception, failed.line, *evidence.notes(claim)]).encode()
    "".join([failed.message, failed.traceback, *evidence.notes(claim)]).encode()
    assert failed.verdict == claim["claim"]


def test_half_characters_are_shown_as_what_they_are() -> None:
    claim = {"claim": "raised", "message": "a\ud800b", "notes": ["\udfff", 5, None], "exception": "Mine", "line": True}
    failed = evidence.failure(replace(QUIET, claim=claim), LIMITS, "lost")
    assert (failed.message, failed.exception, failed.line) == ("a\\ud800b", None, None)
    assert evidence.notes(claim) == ("\\udfff",)


def boom() -> None:
    raise ValueError("not the kernel's answer")


def denied() -> None:
    raise PermissionError


def test_a_probe_that_is_refused_by_anything_but_the_kernel_proves_nothing() -> None:
    assert proof._refused(denied)
    assert not proof._refused(boom)
    assert not proof._refused(lambda: None)
    assert not proof._works(boom)
