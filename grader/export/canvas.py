"""Canvas: the gradebook that the instructor exported there, with one assignment's column filled in.

The form is that of Canvas's lib/gradebook_exporter.rb and lib/gradebook_importer.rb. A file that holds only what Canvas itself
wrote is imported without questions; so nothing but the chosen column's numbers changes.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from grader.errors import UsageError
from grader.export import names, people
from grader.export.filled import Column, Filled, fill, scaling
from grader.export.people import Person
from grader.export.table import Table, decimal_mark, number_in, read
from grader.report.schema import Grades

_ASSIGNMENT = re.compile(r"(?P<title>.*\S)\s*\((?P<id>\d+)\)")
_LOGINS = ("sis user id", "sis login id", "integration id")


def filled(gradebook: Path, grades: Grades, assignment: str | None, *, scale: bool = False) -> Filled:
    """The gradebook with this batch's points. ``assignment`` is a title or an id; None where there is only one.

    Raises UsageError where the file is no gradebook, or where it does not tell which column is meant.
    """
    table = read(gradebook)
    header = _header(table, gradebook)
    column = _column(table, header, assignment, gradebook)
    everybody = _people(table, header)
    if not everybody:
        raise UsageError(f"{gradebook}: holds no student with an ID; export the gradebook from Canvas again")
    placed = people.place(grades.submissions, everybody, names.canvas)
    factor, warnings = scaling(column, Counter(one.max_points for one in grades.submissions), scale)

    def keeps(row: int) -> str:
        return "excused (EX)" if table.value(row, column.index).upper() == "EX" else ""

    return fill(table, column, placed, len(everybody), factor, keeps, warnings)


def _header(table: Table, path: Path) -> dict[str, int]:
    """Column by lower-case title, the first of equals, up to the section; refused where Canvas's importer would refuse it."""
    titles = [cell.value.strip() for cell in table.rows[0]]
    known = {title.lower(): place for place, title in reversed(list(enumerate(titles)))}
    if not ({"student", "lastname"} & known.keys() and "id" in known and "section" in known):
        raise UsageError(
            f"{path}: expected a gradebook as Canvas exports it, with Student, ID and Section in its first line, "
            f"found {', '.join(titles[:4])[:120]!r}"
        )
    return known


def _column(table: Table, header: dict[str, int], wanted: str | None, path: Path) -> Column:
    offered = {
        place: found
        for place, cell in enumerate(table.rows[0])
        if place > header["section"] and (found := _ASSIGNMENT.fullmatch(cell.value.strip()))
    }
    chosen = [place for place, found in offered.items() if wanted is None or _is_meant(found, wanted)]
    if len(chosen) != 1:
        near = ", ".join(repr(found.string[:60]) for found in list(offered.values())[:8]) or "none"
        asked = f"no assignment is called {wanted!r}" if wanted is not None else "it holds several assignments"
        asked = f"{len(chosen)} assignments are called {wanted!r}" if wanted is not None and chosen else asked
        more = ", ..." if len(offered) > 8 else ""
        raise UsageError(f"{path}: {asked}; name one with --assignment and its title or id: {near}{more}")
    (place,) = chosen
    limits = [table.value(row, place) for row in range(1, min(5, len(table.rows))) if _is_points_row(table, row)]
    if any("read only" in text.lower() for text in limits):
        raise UsageError(f"{path}: Canvas marks {offered[place].string!r} as read only; choose another column")
    mark = decimal_mark(table.column(place)) or decimal_mark(_numbers(table, header)) or "."
    return Column(place, offered[place].string, next(map(number_in, limits), None), mark)


def _is_meant(found: re.Match[str], wanted: str) -> bool:
    return wanted.strip() in {found["id"], found["title"], found.string} or wanted.strip().lower() == found["title"].lower()


def _is_points_row(table: Table, row: int) -> bool:
    return "points possible" in table.value(row, 0).lower()


def _numbers(table: Table, header: dict[str, int]) -> list[str]:
    return [cell.value.strip() for row in table.rows[1:] for cell in row[header["section"] + 1 :]]


def _people(table: Table, header: dict[str, int]) -> list[Person]:
    """The rows with a Canvas user id: neither points possible nor manual posting has one."""
    found = []
    for row in range(1, len(table.rows)):
        identity = table.value(row, header["id"])
        if not identity.isascii() or not identity.isdigit() or _is_points_row(table, row):
            continue
        logins = frozenset(table.value(row, header[title]) for title in _LOGINS if title in header)
        name = table.value(row, header.get("student", header.get("lastname", 0)))
        if "student" not in header and "firstname" in header:
            name = f"{name}, {table.value(row, header['firstname'])}"
        found.append(Person(row, name, identity, logins))
    return found
