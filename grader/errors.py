"""Two kinds of error: theirs, which becomes a verdict, and ours, which never costs a student a point."""

from __future__ import annotations

import errno
from pathlib import Path

from grader.records import Failure, Stage, Verdict

# A machine that has run out of something, where the same path will do once there is room.
_RUN_OUT = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.ENOMEM, errno.EMFILE, errno.ENFILE}


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


def unusable(path: Path | str, what: str, error: OSError, *, instead: str, later: str) -> UsageError | GraderError:
    """A file that the system refuses, in one sentence: a wrong or closed place is the caller's to change (``instead`` says to
    what), a full disk is the machine's failure (``later`` says how to go on)."""
    in_the_way = isinstance(error, FileExistsError)  # where a folder has to be
    reason = "a file is in the way" if in_the_way else (error.strerror or str(error) or type(error).__name__).lower()
    if error.errno in _RUN_OUT:
        return GraderError(f"{path}: {what}: {reason}; {later}")
    return UsageError(f"{path}: {what}: {reason}; {instead}")


def unwritable(
    path: Path | str,
    error: OSError,
    *,
    instead: str = "name another file with -o",
    later: str = "make room and run the same command again",
) -> UsageError | GraderError:
    """The same of a file that can't be written."""
    return unusable(path, "can't be written", error, instead=instead, later=later)
