"""A batch as its ledger has it: marked and reported from there, one submission at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from grader import attempts, task
from grader.adjustments import Adjustments
from grader.cli.terminal import tell
from grader.ledger import REFERENCE, Ledger
from grader.marking import total
from grader.records import PUBLIC, Batch, Graded, Outcome, Picture
from grader.report import anonymous, build
from grader.report.advice import for_instructor
from grader.report.leaderboard import pseudonyms
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
    attempts: Mapping[str, str]  # student of each row -> id of the attempt that it shows
    pseudonyms: Mapping[str, str]  # of all of them where they are marked blind, else empty

    @classmethod
    def of(cls, ledger: Ledger, batch: Batch, rules: Rubric, home: Path) -> Stored:
        """``home`` has the secret that pseudonyms follow from, for a rubric that wants them."""
        found = ledger.graded(REFERENCE, batch)
        reference, given = found.outcomes if found else None, Adjustments.of_json(batch.adjustments)
        counting = _that_count(ledger, batch, rules, reference, given)
        names = pseudonyms(list(counting), task.pseudonym_key(home)) if rules.anonymous else {}
        return cls(ledger, batch, rules, reference, given, counting, names)

    def __iter__(self) -> Iterator[Report]:
        for graded in self.graded():
            report = self.report(graded)
            yield anonymous.masked(report, self.pseudonyms[report.student]) if self.pseudonyms else report

    def report(self, graded: Graded) -> Report:
        """With the person that it is about, whatever the rubric says of anonymity."""
        student = graded.upload.student
        return build.report(graded, self.rules, self.reference, self.adjustments.of(student))

    def identities(self) -> Iterator[str]:
        """The text of identities.csv, a line at a time."""
        return anonymous.identities((self.report(graded) for graded in self.graded(whole=False)), self.pseudonyms)

    def graded(self, *, whole: bool = True) -> Iterator[Graded]:
        """Those that have been graded, in the order of the reports; without logs and pictures unless ``whole``."""
        found = (self.one(student, whole=whole) for student in self.attempts)
        return (one for one in found if one)

    def one(self, student: str, *, whole: bool = True) -> Graded | None:
        """The submission that a student's row shows."""
        shown = self.attempts[student]
        found = self.ledger.graded(shown, self.batch, whole=whole)
        if found is None or shown == student:
            return found
        note = f"attempt {found.upload.attempt} counts, the {self.rules.attempts} one of those that were handed in"
        return replace(found, upload=replace(found.upload, student=student), notes=(*found.notes, note))

    def about(self) -> About:
        reference = self.ledger.graded(REFERENCE, self.batch)
        report = build.report(reference, self.rules, None) if reference else None
        if report and report.verdict != "graded":
            report = report.model_copy(update={"message": for_instructor(report.message)})
            tell(f"the reference solution itself is {report.verdict}: {report.message}", style="yellow")
        return build.about(self.rules, self.batch.task_digest, self.batch.isolation, self.batch.environment, report)

    def gallery(self) -> Gallery:
        """What the weights of the public instance look like; pages have none of hidden ones."""
        reference = self.ledger.graded(REFERENCE, self.batch)
        return Gallery(
            _Pictures(self, {name: student for student, name in self.pseudonyms.items()}),
            _picture(reference) if reference else None,
        )


@dataclass(frozen=True, slots=True)
class _Pictures(Mapping[str, Picture]):
    """By student, read when they are asked for."""

    stored: Stored
    students: Mapping[str, str]  # by pseudonym, where they are marked blind

    def __getitem__(self, student: str) -> Picture:
        graded = self.stored.one(self.students.get(student, student))
        picture = _picture(graded) if graded else None
        if picture is None:
            raise KeyError(student)
        return picture

    def __iter__(self) -> Iterator[str]:
        return iter(self.stored.attempts)

    def __len__(self) -> int:
        return len(self.stored.attempts)


def _that_count(
    ledger: Ledger, batch: Batch, rules: Rubric, reference: tuple[Outcome, ...] | None, given: Adjustments
) -> dict[str, str]:
    """By the rubric's ``attempts``: of each student the id of the attempt that counts, or all of them."""
    if rules.attempts == "all":
        return {student: student for student in batch.students}
    every = attempts.by_student(batch.students)
    if rules.attempts == "newest":
        return {student: own[-1] for student, own in every.items()}

    def best(student: str, own: list[str]) -> str:
        found = [graded for one in own if len(own) > 1 and (graded := ledger.graded(one, batch, whole=False))]

        def points_of(graded: Graded) -> float | None:
            return total(rules, graded, reference, given.of(student)).points

        return attempts.best(found, points_of).upload.student if found else own[-1]

    return {student: best(student, own) for student, own in every.items()}


def _picture(graded: Graded) -> Picture | None:
    return next((outcome.picture for outcome in graded.outcomes if outcome.instance == PUBLIC), None)
