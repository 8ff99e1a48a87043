"""Two kinds of error: theirs, which becomes a verdict, and ours, which never costs a student a point."""

from __future__ import annotations

from grader.records import Failure, Stage, Verdict


class SubmissionError(Exception):
    """The submission failed. Carries the :class:`~grader.records.Failure` that becomes its verdict."""

    def __init__(self, verdict: Verdict, stage: Stage, message: str) -> None:
        super().__init__(message)
        self.failure = Failure(verdict=verdict, stage=stage, message=message)


class GraderError(Exception):
    """The grader itself failed (exit status 3): a lost nursery, a full disk, a faulty device."""


class NoGpuError(GraderError):
    """A GPU can't be used where submissions run."""


class UsageError(Exception):
    """Wrong usage, rubric or input (exit status 2): one sentence that says what was expected and what came."""
