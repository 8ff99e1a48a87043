"""Writes all files of a batch into OUT, each at once or not at all, so that no reader ever meets half a file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from grader.errors import GraderError
from grader.report.charts import SHIPPED
from grader.report.class_page import index_page
from grader.report.csv import gradebook
from grader.report.html import STYLE
from grader.report.ladder_pages import Pictures, calibration_page, sweep_page
from grader.report.leaderboard import leaderboard_page, pseudonyms
from grader.report.rungs import Ladder
from grader.report.schema import Calibration, Grades, Sweep, to_json
from grader.report.student import student_view
from grader.report.student_page import Gallery, around, student_page
from grader.rubric import Rubric

NO_PICTURES = Gallery()


def write_batch(
    out: Path,
    grades: Grades,
    rubric: Rubric,
    gallery: Gallery = NO_PICTURES,
    ladder: Ladder | None = None,
    *,
    standalone: bool = False,
    pseudonym_key: bytes | None = None,
) -> None:
    """Write assets/, students/, grades.json, gradebook.csv and index.html. Folders of earlier students stay as they are.

    ``standalone`` makes each page one file, without assets/. With a ``pseudonym_key`` there is a leaderboard.html, too.
    Raises GraderError with one sentence where a file can't be written.
    """
    folders = _folders(out, grades)
    if not standalone:
        _write_assets(out)
    beside = around(grades, rubric, gallery.reference, ladder)
    for report, folder in zip(grades.submissions, folders, strict=True):
        view = student_view(report, rubric)
        write_text(folder / "report.json", to_json(view))
        write_text(
            folder / "report.html",
            student_page(
                view,
                grades,
                rubric,
                None if standalone else "../../assets",
                picture=gallery.students.get(report.student),
                beside=beside,
            ),
        )
    write_text(out / "gradebook.csv", gradebook(grades))
    assets = None if standalone else "assets"
    names = pseudonyms([one.student for one in grades.submissions], pseudonym_key) if pseudonym_key else None
    write_text(out / "index.html", index_page(grades, rubric, assets, ladder=ladder, pseudonyms=names))
    if names:
        write_text(out / "leaderboard.html", leaderboard_page(grades, rubric, names, assets))
    write_text(out / "grades.json", to_json(grades))


def write_calibration(
    out: Path, found: Calibration, rubric: Rubric, pictures: Pictures, points: Sequence[float], reference: str
) -> None:
    """Write assets/, calibration.json and calibration.html. ``points`` are those of students to be shown beside the rungs."""
    _write_assets(out)
    write_text(out / "calibration.html", calibration_page(found, rubric, pictures, points, reference))
    write_text(out / "calibration.json", to_json(found))


def write_sweep(out: Path, found: Sweep, rubric: Rubric) -> None:
    """Write assets/, sweep.json and sweep.html."""
    _write_assets(out)
    write_text(out / "sweep.html", sweep_page(found, rubric))
    write_text(out / "sweep.json", to_json(found))


def _write_assets(out: Path) -> None:
    """The style sheet, and the scripts that draw charts with their licences."""
    for name in (STYLE.name, "table.js", *SHIPPED):
        text = (STYLE.parent / name).read_text(encoding="utf-8")
        if not _holds(out / "assets" / name, text):
            write_text(out / "assets" / name, text)


def _holds(path: Path, text: str) -> bool:
    try:
        return path.read_text(encoding="utf-8") == text
    except (OSError, UnicodeDecodeError):
        return False


def write_text(path: Path, text: str) -> None:
    """Write one file atomically, in UTF-8, and make its folder. Raises GraderError with one sentence."""
    temporary = path.with_name(f".{path.name}.tmp")  # a fixed name: what a killed grader leaves, the next one overwrites
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            temporary.write_bytes(text.encode("utf-8"))
            os.replace(temporary, path)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise GraderError(f"{path}: can't be written: {reason.lower()}; nothing graded is lost, run it again") from None


def _folders(out: Path, grades: Grades) -> list[Path]:
    """The students' folders, after a check that each is a folder of its own directly below students/."""
    ids = [report.student for report in grades.submissions]
    for student in ids:
        if student in {"", ".", ".."} or any(character in student for character in "/\\:\0\n"):
            raise GraderError(f"student id {student!r} can't be a folder's name, expected letters, digits, '-', '_' and '.'")
    if len(set(ids)) < len(ids):
        twice = next(student for student in ids if ids.count(student) > 1)
        raise GraderError(f"student id {twice!r} stands twice in this batch, expected one submission for each id")
    return [out / "students" / student for student in ids]
