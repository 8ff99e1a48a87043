"""Which line of an LMS's file belongs to which submission: by id, e-mail or whole name, and never by a guess."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from grader.export.names import Downloaded
from grader.report.schema import Report

Names = Callable[[Report], Downloaded | None]


@dataclass(frozen=True, slots=True)
class Person:
    """One line of the file. All texts are compared in their normal form."""

    row: int
    name: str = ""  # as the file shows it
    id: str = ""  # what the LMS writes into file names
    logins: frozenset[str] = frozenset()  # ids of the institution, which a roster may have used
    email: str = ""


@dataclass(frozen=True, slots=True)
class Placed:
    """Submissions by their line, and those without one, each with the reason."""

    rows: Mapping[int, Report]
    unplaced: Sequence[tuple[Report, str]]


def place(reports: Iterable[Report], people: Sequence[Person], names: Names) -> Placed:
    """Find each submission's line. A line that two submissions have a claim on goes to neither."""
    claims: dict[int, list[Report]] = defaultdict(list)
    unplaced: list[tuple[Report, str]] = []
    lines = _Lines(people)
    for report in reports:
        found, why = lines.find(report, names(report))
        if found is None:
            unplaced.append((report, why))
        else:
            claims[found.row].append(report)
    for row, claimants in claims.items():
        if len(claimants) > 1:
            which = ", ".join(one.student for one in claimants[:5]) + (", ..." if len(claimants) > 5 else "")
            unplaced += [(one, f"line {row + 1} would be that of {len(claimants)} submissions ({which})") for one in claimants]
    return Placed({row: one[0] for row, one in claims.items() if len(one) == 1}, unplaced)


def normal(text: str) -> str:
    """A name or an address for comparing: ``Doe,  Jane`` and ``jane doe`` are the same, ``José`` and ``Jose`` are not."""
    folded = unicodedata.normalize("NFC", unicodedata.normalize("NFKC", text).casefold())
    last, comma, first = folded.partition(",")
    return " ".join((f"{first} {last}" if comma and "," not in first else folded).split())


class _Lines:
    """The people of a file by each of the marks that they are known by."""

    def __init__(self, people: Sequence[Person]) -> None:
        self._by: dict[str, dict[str, list[Person]]] = {kind: defaultdict(list) for kind in ("id", "login", "email", "name")}
        for person in people:
            for kind, marks in (
                ("id", [person.id]),
                ("login", person.logins),
                ("email", [person.email]),
                ("name", [person.name]),
            ):
                for mark in {normal(mark) for mark in marks} - {""}:
                    self._by[kind][mark].append(person)

    def find(self, report: Report, downloaded: Downloaded | None) -> tuple[Person | None, str]:
        """The line, or why there is none. The surest mark decides, unless others contradict it."""
        by_id = self._with("id", [downloaded.id] if downloaded else [])
        by_login = self._with("login", [report.student])
        by_email = self._with("email", [report.email]) or self._with("login", [report.email])
        sure = {found[0].row for found in (by_id, by_login, by_email) if len(found) == 1}
        if len(sure) > 1:
            return None, f"the id in its file's name, its id and its e-mail are those of different lines ({_listed(sure)})"
        if len(by_id) == 1 and downloaded and not _may_be(downloaded, by_id[0]):
            return None, f"its name says {downloaded.name!r}, but {by_id[0].name!r} has that number; is it a group's?"
        for found in (by_id, by_login, by_email, self._with("name", _names(report, downloaded))):
            if len(found) == 1:
                return found[0], ""
            if found:
                return None, f"it could be that of any of the lines {_listed(person.row for person in found)}"
        return None, "no line has its id, its e-mail or its name"

    def _with(self, kind: str, marks: Iterable[str]) -> list[Person]:
        found = {person.row: person for mark in marks for person in self._by[kind].get(normal(mark), ())}
        return list(found.values())


def _may_be(downloaded: Downloaded, person: Person) -> bool:
    """Have both names the same letters, where there are both? Moodle's numbers of groups can be those of other people."""
    letters = [sorted(filter(str.isalnum, normal(name))) for name in (downloaded.name, person.name)]
    return letters[0] == letters[1] or not all(letters)


def _listed(rows: Iterable[int]) -> str:
    """Lines as a person counts them."""
    lines = sorted(row + 1 for row in rows)
    return ", ".join(map(str, lines[:5])) + (", ..." if len(lines) > 5 else "")


def _names(report: Report, downloaded: Downloaded | None) -> list[str]:
    """The submission's name, which is that of a file where there is no roster, and the one that the LMS put before its id."""
    return [file_stem(report.name), *([downloaded.name] if downloaded and downloaded.name else [])]


def file_stem(name: str) -> str:
    """A submission's name without the suffix of a file; names of people may hold dots, too."""
    path = PurePosixPath(name)
    return path.stem if path.suffix.lower() in {".py", ".ipynb", ".zip"} else name
