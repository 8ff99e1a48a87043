"""Zips of reports for the uploads of feedback in Canvas and Moodle, which know students by the names of files.

Canvas takes the first two numbers between underscores as user and attachment (``infer_comment_context_from_filename`` in its
assignment model), Moodle the number before ``_assignfeedback_`` (mod/assign/feedback/file/importziplib.php).
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from grader.errors import UsageError
from grader.export import names, people
from grader.export.people import Person
from grader.report.schema import Report
from grader.report.standalone import standalone

REPORT = "report.html"
_NOBODY = "the name of what was handed in is not one that {} gives to downloads"


@dataclass(frozen=True, slots=True)
class Feedback:
    """Whose report goes under which name, and who gets none."""

    members: Mapping[str, Report]  # by the member's path in the zip
    left_out: Sequence[tuple[Report, str]]


def for_canvas(reports: Sequence[Report]) -> Feedback:
    """Under the names of the download, so that Canvas finds user and attachment. Who handed in nothing can't get a file there."""
    members: dict[str, Report] = {}
    left_out: list[tuple[Report, str]] = []
    for report in reports:
        prefix = _canvas_prefix(report)
        member = f"{prefix}_{REPORT}" if prefix else ""
        if member and member not in members:
            members[member] = report
        elif report.verdict != "missing":
            left_out.append((report, "another submission has the same ids" if member else _NOBODY.format("Canvas")))
    return Feedback(members, left_out)


def for_moodle(reports: Sequence[Report], worksheet: Sequence[Person] | None) -> Feedback:
    """A folder for each participant: by the worksheet where there is one, else by the names of the download."""
    if worksheet is None:
        found = {report.student: names.moodle(report) for report in reports}
        numbers = {report.student: one.id for report in reports if (one := found[report.student])}
        left_out = [(one, _NOBODY.format("Moodle")) for one in reports if one.student not in numbers and one.verdict != "missing"]
    else:
        placed = people.place(reports, worksheet, names.moodle)
        by_row = {person.row: person for person in worksheet}
        numbers = {report.student: by_row[row].id for row, report in placed.rows.items()}
        left_out = list(placed.unplaced)
    chosen = [report for report in reports if report.student in numbers]
    return Feedback({f"{_moodle_folder(one, numbers[one.student])}/{REPORT}": one for one in chosen}, left_out)


def _canvas_prefix(report: Report) -> str:
    downloaded = names.canvas(report)
    if not downloaded or downloaded.prefix:
        return downloaded.prefix if downloaded else ""
    return names.canvas_prefixes(str(PurePosixPath(report.source).parent / "x")).get(downloaded.id, "")


def write(file: IO[bytes], out: Path, feedback: Feedback) -> None:
    """The zip, of pages that are one file each. Raises UsageError where a student's page is missing in OUT."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, report in feedback.members.items():
            path = out / "students" / report.student / REPORT
            try:
                page = path.read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                reason = error.strerror.lower() if isinstance(error, OSError) and error.strerror else "it is not UTF-8 text"
                raise UsageError(f"{path}: can't be read: {reason}; write the reports again with 'grade.py batch'") from None
            archive.writestr(zipfile.ZipInfo(member), standalone(page, path).encode("utf-8"), zipfile.ZIP_DEFLATED)


def _moodle_folder(report: Report, number: str) -> str:
    """The importer splits at underscores, and leaves out what begins with a dot or a tilde."""
    downloaded = names.moodle(report)
    shown = downloaded.name if downloaded and downloaded.name else people.file_stem(report.name)
    name = "".join(" " if character in '_/\\:*?"<>|' or ord(character) < 32 else character for character in shown)
    return f"{name.strip(' .~')[:80].strip() or 'Participant'}_{number}_assignfeedback_file_"
