"""Writes all files of a batch into OUT, each at once or not at all, so that no reader ever meets half a file."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path

from grader.errors import GraderError, unusable, unwritable
from grader.report import anonymous, csv
from grader.report.charts import SHIPPED
from grader.report.class_page import details_pages, index_page
from grader.report.html import STYLE
from grader.report.ladder_pages import Pictures, calibration_page, sweep_page
from grader.report.leaderboard import leaderboard_page, pseudonyms
from grader.report.lines import Line
from grader.report.rungs import Ladder
from grader.report.schema import About, Calibration, Report, Sweep, grades_json, to_json
from grader.report.student import student_view
from grader.report.student_page import Gallery, around, student_page
from grader.rubric import Rubric

NO_PICTURES = Gallery()
# What an OUT's reader can rely on: its ledger has every result, and reports are made from there.
KEPT_INSTEAD = "nothing graded is lost: make it writable, or move what is in its way, and run it again"
KEPT_LATER = "nothing graded is lost: make room and run it again"
Watch = Callable[[int], object]  # told how many submissions' pages have been written


def write_batch(
    out: Path,
    about: About,
    reports: Iterable[Report],
    rubric: Rubric,
    gallery: Gallery = NO_PICTURES,
    ladder: Ladder | None = None,
    *,
    standalone: bool = False,
    pseudonym_key: bytes | None = None,
    on_written: Watch = lambda count: None,
) -> None:
    """Write assets/, students/, grades.json, gradebook.csv and index.html. Folders of earlier students stay as they are.

    ``reports`` are gone through several times, in student order, and never held all at once. ``standalone`` makes each page
    one file, without assets/. With a ``pseudonym_key`` there is a leaderboard.html, too. grades.json comes last: where it is
    new, all of it is. Raises UsageError or, on a full disk, GraderError with one sentence where a file can't be written.
    """
    lines = [Line.of(one) for one in reports]
    folders = _folders(out, lines)
    assets = None if standalone else "assets"
    if assets:
        _write_assets(out)
    beside = around(about, lines, rubric, gallery.reference, ladder)
    for number, (report, folder) in enumerate(zip(reports, folders, strict=True), 1):
        view = student_view(report, rubric)
        page = student_page(
            view,
            about,
            rubric,
            assets and f"../../{assets}",
            picture=gallery.students.get(report.student),
            beside=beside,
        )
        write_text(folder / "report.json", to_json(view))
        write_text(folder / "report.html", page)
        on_written(number)
    names = pseudonyms([one.student for one in lines], pseudonym_key) if pseudonym_key else None
    if names:
        write_text(out / "leaderboard.html", leaderboard_page(lines, rubric, names, assets))
    else:
        _remove([out / "leaderboard.html"])
    _write_class(out, about, lines, reports, rubric, assets, ladder, names)


def _write_class(
    out: Path,
    about: About,
    lines: Sequence[Line],
    reports: Iterable[Report],
    rubric: Rubric,
    assets: str | None,
    ladder: Ladder | None,
    names: Mapping[str, str] | None,
) -> None:
    """What is the instructor's."""
    above, details = assets and f"../{assets}", set[Path]()
    for path, pieces in details_pages(about, lines, reports, rubric, above, pseudonyms=names):
        write_pieces(out / path, pieces)
        details.add(out / path)
    _remove({*(out / "details").glob("*.html")} - details)  # of an earlier batch, which would be taken for this one's
    write_pieces(out / "gradebook.csv", chain([csv.header()], map(csv.row, reports)))
    write_pieces(out / "index.html", index_page(about, lines, reports, rubric, assets, ladder=ladder, pseudonyms=names))
    write_pieces(out / "grades.json", grades_json(about, reports))


def write_identities(out: Path, lines: Iterable[str] | None, students: Collection[str] = ()) -> None:
    """Write identities.csv, which nobody but its owner may read; or take away that of a batch that was marked blind before.

    Pages under the other kind of name go, too: those of ``students`` who are masked now, or of the pseudonyms from before.
    """
    path = out / anonymous.FILE
    if lines is None:
        _remove_pages(out, anonymous.pseudonyms_in(path))
        _remove([path])
    else:
        write_pieces(path, lines, mode=0o600)
        _remove_pages(out, students)


def _remove_pages(out: Path, students: Iterable[str]) -> None:
    for student in students:
        folder = out / "students" / student
        _remove([folder / "report.html", folder / "report.json"])
        with suppress(OSError):
            folder.rmdir()  # unless somebody has put a file of theirs into it


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


def write_text(path: Path, text: str, *, instead: str = KEPT_INSTEAD, later: str = KEPT_LATER) -> None:
    """Write one file atomically, in UTF-8, and make its folder. Raises :func:`~grader.errors.unwritable`'s, ending so."""
    write_pieces(path, [text], instead=instead, later=later)


def write_pieces(
    path: Path, pieces: Iterable[str], mode: int = 0o666, *, instead: str = KEPT_INSTEAD, later: str = KEPT_LATER
) -> None:
    """The same for a text that comes in pieces. ``mode`` is the file's, less the process's umask."""
    temporary = path.with_name(f".{path.name}.tmp")  # a fixed name: what a killed grader leaves, the next one overwrites
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            temporary.unlink(missing_ok=True)
            with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode), "wb") as file:
                file.writelines(piece.encode("utf-8") for piece in pieces)
            os.replace(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise unwritable(path, error, instead=instead, later=later) from None


def _remove(paths: Iterable[Path]) -> None:
    for path in paths:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            remedy = "remove it yourself and run the same command again"
            raise unusable(path, "is out of date and can't be removed", error, instead=remedy, later=remedy) from None


def _folders(out: Path, lines: Sequence[Line]) -> list[Path]:
    """The students' folders, after a check that each is a folder of its own directly below students/."""
    ids = [line.student for line in lines]
    for student in ids:
        if student in {"", ".", ".."} or any(character in student for character in "/\\:\0\n"):
            raise GraderError(f"student id {student!r} can't be a folder's name, expected letters, digits, '-', '_' and '.'")
    if len(set(ids)) < len(ids):
        twice = next(student for student in ids if ids.count(student) > 1)
        raise GraderError(f"student id {twice!r} stands twice in this batch, expected one submission for each id")
    return [out / "students" / student for student in ids]
