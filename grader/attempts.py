"""Several attempts of one student: numbered from the oldest, and which of them count by the rubric's ``attempts``."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from grader.records import Graded, Upload


def numbered(uploads: Sequence[Upload], student: str) -> list[Upload]:
    """The attempts of one student, oldest first: ``student~1``, ``student~2``; a single one stays ``student``.

    They are ordered by their times where each has one, else by the LMS's own count, else as they came.
    """
    uploads = sorted(uploads, key=lambda upload: upload.attempt or 0)
    if all(upload.submitted_at for upload in uploads):
        uploads = sorted(uploads, key=lambda upload: moment(upload.submitted_at or ""))
    elif all(upload.sequence for upload in uploads):  # the same in two downloads is one
        uploads = sorted({upload.sequence: upload for upload in uploads}.values(), key=lambda upload: upload.sequence)
    if len(uploads) == 1:
        return [replace(uploads[0], student=student, attempt=None)]
    return [replace(upload, student=f"{student}~{n}", attempt=n) for n, upload in enumerate(uploads, 1)]


def newest(uploads: Iterable[Upload]) -> list[Upload]:
    """The last attempt of each student, under the student's own id."""
    last = {owner(upload): upload for upload in sorted(uploads, key=lambda upload: upload.attempt or 0)}
    return [replace(upload, student=student) for student, upload in last.items()]


def best(own: Sequence[Graded], points_of: Callable[[Graded], float | None]) -> Graded:
    """Of one student's attempts the one with most points, and of equal ones the newest.

    An attempt that the grader still owes a result comes before all: which one is the best is not known yet.
    """

    def rank(one: Graded) -> tuple[bool, float, int]:
        points = points_of(one)
        return points is None, points or 0.0, one.upload.attempt or 0

    return max(own, key=rank)


def by_student(ids: Iterable[str]) -> dict[str, list[str]]:
    """The ids of each student's attempts, oldest first, by the student's own id."""
    found: dict[str, list[str]] = defaultdict(list)
    for one in ids:
        found[student_of(one)].append(one)
    return {student: sorted(own, key=lambda one: int(one[len(student) + 1 :] or 0)) for student, own in found.items()}


def student_of(attempt: str) -> str:
    """The student's id without the number of the attempt: no other part of an id holds a ``~``."""
    return attempt.partition("~")[0]


def owner(upload: Upload) -> str:
    return student_of(upload.student)


def moment(time: str) -> float:
    """Seconds since 1970 of an ISO 8601 time with a zone. Raises ValueError for any other text."""
    found = datetime.fromisoformat(time)
    if found.tzinfo is None:
        raise ValueError("expected a time with its zone")
    return found.timestamp()
