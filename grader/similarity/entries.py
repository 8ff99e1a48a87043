"""What is compared: the sources of a batch or of folders, read by the intake, and what the grader knows of each."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from grader import intake
from grader.errors import SubmissionError, UsageError
from grader.records import PUBLIC, Upload
from grader.report.schema import Grades, Report
from grader.report.text import one_line
from grader.similarity.tokens import MAX_CHARACTERS

NAME = 100  # characters
ABOVE = 3  # a submission, the folder or download that it lies in, and a folder around that in a zip
FOLDERS = 64  # whose lists of submissions are kept


@dataclass(frozen=True, slots=True)
class Entry:
    """One submission: its sources as text, or why there are none."""

    label: str  # unique
    text: str = ""  # all sources, the entry first, each after a comment with its name
    files: tuple[tuple[int, str], ...] = ()  # place in the text and text of each source
    sha256: str | None = None  # of the uploaded bytes
    weights: str | None = None  # sha256 of what came back for the public instance
    all_zero: bool = False  # those weights
    problem: str = ""
    cut: bool = False  # only its beginning is compared


@dataclass(frozen=True, slots=True)
class Graded:
    """A batch that has been graded, and where its folder is."""

    out: Path
    grades: Grades


def collect(batches: Sequence[Graded], paths: Sequence[Path]) -> list[Entry]:
    """Everything that the batches graded and that lies in ``paths``, each submission once.

    A batch's sources are where they were when it was graded, or in ``paths``. Raises UsageError where nothing is found.
    """
    reports = [(batch.out, one) for batch in batches for one in batch.grades.submissions if one.verdict != "missing"]
    found = {_place(one): one for one in intake.find(paths)} if paths else {}
    by_source: dict[int, Upload] = {}
    for number, (out, report) in enumerate(reports):
        if upload := _upload_of(report, out):
            by_source[number] = upload
            found.pop(_place(upload), None)
    others = [_read(upload, upload.student) for upload in found.values()]
    entries = [_graded(report, by_source.get(number), others) for number, (_, report) in enumerate(reports)]
    entries += others
    if not any(entry.text for entry in entries):
        raise UsageError("none of the sources is there any more; name the folder of submissions, too")
    return _labelled(entries)


def template(paths: Sequence[Path]) -> list[str]:
    """The texts of what was given to everybody: files, notebooks, folders or zips. Raises UsageError."""
    texts: list[str] = []
    for path in paths:
        try:
            (upload,) = intake.find([path])
            texts += [text for _, text in _read(upload, upload.name, strict=True).files]
        except (SubmissionError, ValueError) as error:
            reason = error.failure.message if isinstance(error, SubmissionError) else "it holds several submissions"
            raise UsageError(f"{path}: can't be the template: {reason}") from None
    return texts


def _place(upload: Upload) -> str:
    """Where it lies; of what lies in a download, the download's path and its own name."""
    return os.path.realpath(upload.source) if upload.source else upload.student


def _upload_of(report: Report, out: Path) -> Upload | None:
    """The upload that a report is about, found the way the batch may have found it: itself, in a folder or in a download."""
    for source in (Path(report.source), out.parent / report.source):
        for place in (source, *source.parents)[:ABOVE]:
            same = [upload for upload in _uploads(place) if Path(upload.source) == source]
            if len(same) > 1:  # attempts
                same = [upload for upload in same if upload.student == report.student]
            if len(same) == 1:
                return same[0]
    return None


@lru_cache(FOLDERS)
def _uploads(place: Path) -> Sequence[Upload]:
    try:
        return intake.find([place]) if place.exists() else ()
    except UsageError:
        return ()


def _graded(report: Report, upload: Upload | None, others: list[Entry]) -> Entry:
    """What a report is about: by its path, else by its bytes among the other entries, from which it is then taken away."""
    public = next((one for one in report.instances if one.name == PUBLIC), None)
    weights = public.weights_sha256 if public else None
    all_zero = bool(public and public.zeros and public.zeros == public.parameters)
    if upload:
        entry = _read(upload, report.student)
    else:
        same = [one for one in others if one.sha256 and one.sha256 == report.sha256]
        if same:
            others.remove(same[0])
        problem = f"{one_line(report.source, NAME)} is not there any more; name the folder of submissions, too"
        entry = same[0] if same else Entry(report.student, sha256=report.sha256, problem=problem)
    return Entry(
        _label(report), entry.text, entry.files, entry.sha256 or report.sha256, weights, all_zero, entry.problem, entry.cut
    )


def _label(report: Report) -> str:
    """The id, and the name where a roster gave one."""
    is_file = Path(report.source).name == report.name
    return (
        report.student if is_file or report.name in ("", report.student) else f"{report.student} ({one_line(report.name, NAME)})"
    )


def _read(upload: Upload, label: str, *, strict: bool = False) -> Entry:
    try:
        submission = intake.read(upload)
    except SubmissionError as error:
        if strict:
            raise
        return Entry(label, sha256=intake.digest_of(upload), problem=one_line(error.failure.message, 3 * NAME))
    names = sorted((name for name in submission.files if name.endswith(".py")), key=lambda name: (name != submission.entry, name))
    text, files = "", []
    for name in names:
        text += f"# {'-' * 8} {one_line(name, NAME)}\n" if len(names) > 1 else ""
        source = submission.files[name].decode("utf-8", "replace")[: max(0, MAX_CHARACTERS - len(text))]
        files.append((len(text), source))
        text += source if source.endswith("\n") else source + "\n"
    size = sum(len(submission.files[name]) for name in names)
    return Entry(label, text, tuple(files), submission.sha256, cut=size > 4 * MAX_CHARACTERS or len(text) >= MAX_CHARACTERS)


def _labelled(entries: Sequence[Entry]) -> list[Entry]:
    """With a number where two batches have the same student."""
    seen: dict[str, int] = defaultdict(int)
    found = []
    for entry in entries:
        seen[entry.label] += 1
        number = seen[entry.label]
        label = entry.label if number == 1 else f"{entry.label} ({number})"
        found.append(Entry(label, entry.text, entry.files, entry.sha256, entry.weights, entry.all_zero, entry.problem, entry.cut))
    return sorted(found, key=lambda entry: entry.label)
