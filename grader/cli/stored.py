"""A batch as its ledger has it: marked and reported from there, one submission at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from grader.adjustments import Adjustments
from grader.cli.terminal import tell
from grader.ledger import REFERENCE, Ledger
from grader.records import PUBLIC, Batch, Graded, Outcome, Picture
from grader.report import build
from grader.report.schema import About, Report
from grader.report.student_page import Gallery
from grader.rubric import Rubric


@dataclass(frozen=True, slots=True)
class Stored:
    """The submissions of a batch under a rubric. Iterating builds each report anew, so that only one is held at a time."""

    ledger: Ledger
    batch: Batch
    rules: Rubric
    reference: tuple[Outcome, ...] | None
    adjustments: Adjustments

    @classmethod
    def of(cls, ledger: Ledger, batch: Batch, rules: Rubric) -> Stored:
        found = ledger.graded(REFERENCE, batch)
        given = Adjustments.of_json(batch.adjustments)
        return cls(ledger, batch, rules, found.outcomes if found else None, given)

    def __iter__(self) -> Iterator[Report]:
        for graded in self.graded():
            yield build.report(graded, self.rules, self.reference, self.adjustments.of(graded.upload.student))

    def graded(self, *, whole: bool = True) -> Iterator[Graded]:
        """Those that have been graded, in the order of the reports; without logs and pictures unless ``whole``."""
        found = (self.ledger.graded(student, self.batch, whole=whole) for student in self.batch.students)
        return (one for one in found if one)

    def about(self) -> About:
        reference = self.ledger.graded(REFERENCE, self.batch)
        report = build.report(reference, self.rules, None) if reference else None
        if report and report.verdict != "graded":
            tell(f"the reference solution itself is {report.verdict}: {report.message}", style="yellow")
        return build.about(self.rules, self.batch.task_digest, self.batch.isolation, self.batch.environment, report)

    def gallery(self) -> Gallery:
        """What the weights of the public instance look like; pages have none of hidden ones."""
        reference = self.ledger.graded(REFERENCE, self.batch)
        return Gallery(_Pictures(self.ledger, self.batch), _picture(reference) if reference else None)


@dataclass(frozen=True, slots=True)
class _Pictures(Mapping[str, Picture]):
    """By student, read when they are asked for."""

    ledger: Ledger
    batch: Batch

    def __getitem__(self, student: str) -> Picture:
        graded = self.ledger.graded(student, self.batch)
        picture = _picture(graded) if graded else None
        if picture is None:
            raise KeyError(student)
        return picture

    def __iter__(self) -> Iterator[str]:
        return iter(self.batch.students)

    def __len__(self) -> int:
        return len(self.batch.students)


def _picture(graded: Graded) -> Picture | None:
    return next((outcome.picture for outcome in graded.outcomes if outcome.instance == PUBLIC), None)
