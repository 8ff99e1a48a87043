"""What became of a run, from the keeper's own evidence: clock, wait status, byte count, and a claim worth nothing."""

from __future__ import annotations

import builtins
import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

from grader.errors import GraderError
from grader.formulas import PARAMETER_COUNT
from grader.records import Failure, Stage, Verdict
from grader.rubric import LimitsSection

WEIGHTS_BYTES = PARAMETER_COUNT * 4
SIGKILL, SIGXCPU = 9, 24  # which Windows has no names for
_NEARLY = 0.9  # of the memory limit: who is killed by the kernel there was killed for that
CLAIMS: tuple[Verdict, ...] = ("unreadable", "no_entry", "raised", "exited", "rejected", "out_of_memory")
_BUILTIN_EXCEPTIONS = frozenset(
    name for name, kind in vars(builtins).items() if isinstance(kind, type) and issubclass(kind, BaseException)
)


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is known of a run which gave no weights."""

    claim: Mapping[str, Any] | None  # the status record, the student's word
    stage: Stage  # the last one announced, the student's word too
    overdue: bool  # by the keeper's clock
    killed: str | None  # "cpu", "wall", "memory", "gpu memory", "leash" at the keeper's wish, "orphaned" without a nursery
    wait_status: int | None  # None where the warden was lost
    cpu_seconds: float
    peak_memory_bytes: int = 0
    machine_lacks_memory: bool = False  # the kernel has killed some process for it meanwhile


def failure(found: Evidence, limits: LimitsSection, lost: str) -> Failure:
    """The verdict of a run without weights. Raises GraderError(``lost``) where the evidence is the grader's own failure."""
    if found.claim and found.claim.get("claim") in CLAIMS:
        return _claimed(found.claim, found.stage)
    stage = found.stage
    where = "importing the submission" if stage == "import" else "prune(model)"
    number = _signal_of(found.wait_status)
    by_cpu = limits.clock != "wall" and number in (SIGXCPU, SIGKILL) and found.cpu_seconds >= limits.cpu_seconds
    if found.killed == "cpu" or by_cpu:
        used = f"{where} used more than {limits.cpu_seconds:g} s of CPU time (limits.cpu_seconds in rubric.yaml)"
        return Failure("timed_out", stage, f"{used}; {_fewer(stage)}")
    full = number == SIGKILL and found.peak_memory_bytes >= _NEARLY * limits.memory_bytes
    if found.killed == "memory" or (full and found.killed is None):
        return Failure("out_of_memory", stage, f"{where} used more memory than limits.memory_bytes in rubric.yaml allows")
    if found.killed == "gpu memory":
        limit = f"{limits.gpu_memory_bytes:,} bytes of the GPU's memory (limits.gpu_memory_bytes in rubric.yaml)"
        return Failure("out_of_memory", stage, f"{where} used more than {limit}")
    if found.overdue or found.killed == "wall":
        return Failure("timed_out", stage, _overdue(where, stage, found.cpu_seconds, limits))
    if found.wait_status is None or found.killed == "orphaned":  # perhaps in the middle of an honest model's weights
        raise GraderError(lost)
    if found.killed == "leash" or found.claim:
        return Failure("rejected", "collect", f"what came back is not the {WEIGHTS_BYTES:,} bytes of the model's weights")
    if number == SIGKILL and found.machine_lacks_memory:
        raise GraderError("this machine ran out of memory; use fewer workers, or a smaller limits.memory_bytes in rubric.yaml")
    if number is not None:
        return Failure("crashed", stage, f"{where} was ended by {_signal_name(number)}: {_signal_hint(number)}")
    code = os.waitstatus_to_exitcode(found.wait_status)
    return Failure("exited", stage, f"{where} ended the process with status {code} and returned no model")


def is_unexplained_kill(found: Failure, wait_status: int | None) -> bool:
    """Whether a SIGKILL ended the run of which nobody here knows the sender: its own code, or somebody on this machine."""
    return found.verdict == "crashed" and _signal_of(wait_status) == SIGKILL


def _fewer(stage: Stage) -> str:
    return (
        "what a file does at module level counts too; try fewer training steps"
        if stage == "import"
        else "try fewer training steps"
    )


def _overdue(where: str, stage: Stage, cpu_seconds: float, limits: LimitsSection) -> str:
    took = f"{where} took more than {limits.wall_seconds:g} s (limits.wall_seconds in rubric.yaml)"
    if cpu_seconds < limits.wall_seconds / 10:
        return f"{took} and used only {cpu_seconds:.1f} s of CPU time in it; never wait or sleep"
    return f"{took}; {_fewer(stage)}, and never wait or sleep"


def _claimed(status: Mapping[str, Any], stage: Stage) -> Failure:
    """A failure that the child claims. Everything in it is the student's word, so only its form is checked."""
    verdict: Verdict = next(claim for claim in CLAIMS if claim == status["claim"])
    named = status.get("stage")
    line = status.get("line")
    exception = status.get("exception")
    return Failure(
        verdict=verdict,
        stage=next((known for known in get_args(Stage) if known == named), stage),
        message=text(status.get("message"))[:8_000],
        exception=exception if isinstance(exception, str) and exception in _BUILTIN_EXCEPTIONS else None,
        line=line if isinstance(line, int) and not isinstance(line, bool) and 0 < line < 1_000_000 else None,
        traceback=text(status.get("traceback"))[:32_000],
    )


def text(value: object) -> str:
    """A string out of the child's JSON, without the half characters that no file could take; "" for anything else."""
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else ""


def notes(claim: Mapping[str, Any] | None) -> tuple[str, ...]:
    given = claim.get("notes") if claim else None
    return tuple(text(note)[:1_000] for note in given[:20] if isinstance(note, str)) if isinstance(given, list) else ()


def _signal_of(status: int | None) -> int | None:
    """The number of the signal that ended it; the low seven bits are none for an exit, and all for a stop."""
    number = 0 if status is None else status & 0x7F
    return None if number in (0, 0x7F) else number


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return "SIGKILL" if number == SIGKILL else f"signal {number}"


def _signal_hint(number: int) -> str:
    return {
        "SIGSEGV": "memory was accessed that is not the process's, or the recursion went too deep",
        "SIGABRT": "a library aborted, usually after printing why",
        "SIGFPE": "a library divided by zero",
        "SIGBUS": "a file or shared memory was cut while it was in use",
        "SIGILL": "a library used an instruction that this processor lacks",
        "SIGKILL": "it was killed from within the submission, or by the system for lack of memory",
        "SIGXFSZ": "a file grew over limits.file_bytes in rubric.yaml",
        "SIGSYS": "a system call of a foreign architecture was made",
    }.get(_signal_name(number), "see the log for what came before")
