"""Who is in the course: reads roster.csv, finds each submission's people on it, and gives a row to those who handed in nothing.

A submission is matched by what it says exactly: the LMS's user id or a student id, an e-mail address, a name (case, accents and
spaces aside), or the form into which Canvas squashes names. Where these lead to nobody or to several, nobody is chosen: the
row stays as it is, and a remark says so.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from grader import attempts
from grader.downloads import absent
from grader.errors import UsageError
from grader.naming import file_system_safe, unique
from grader.nofollow import is_folder
from grader.records import Person, Upload
from grader.rubric import EXTENSION, is_extension

MAX_BYTES = 8 << 20
MAX_PEOPLE = 50_000
COLUMNS = ("id", "name", "email", "section", "group", "extension", "submitted_at", "aliases")


@dataclass(frozen=True, slots=True)
class Enrolled:
    """One line of the roster."""

    person: Person
    submitted_at: str | None = None  # as the LMS shows it to the instructor, for downloads without times; ISO 8601
    aliases: tuple[str, ...] = ()  # further ids, such as a login at a git host


@dataclass(frozen=True, slots=True)
class Roster:
    enrolled: tuple[Enrolled, ...]
    exact: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))  # id, alias or e-mail address -> places
    names: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    squashed: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))  # names as Canvas writes them
    groups: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    squashed_groups: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))

    def group_of(self, place: int) -> set[int]:
        """The places of everybody in the group of somebody, or nobody."""
        return self.groups.get(_plain(self.enrolled[place].person.group), set())


def load(path: Path, remarks: list[str]) -> Roster:
    """Read a roster: CSV with a header, of whose columns only ``id`` is needed. Raises UsageError, naming the line."""
    rows = _rows(_text(path), path)
    number, header = next(rows, (1, []))
    columns = [cell.strip().casefold() for cell in header]
    if "id" not in columns:
        raise UsageError(
            f"{path}, line {number}: expected a header with 'id' (and {', '.join(COLUMNS[1:])}), found {columns[:8]}"
        )
    if twice := [name for name in COLUMNS if columns.count(name) > 1]:
        raise UsageError(f"{path}, line {number}: the column {twice[0]!r} stands twice; take one of them out")
    if unused := [name for name in columns if name and name not in COLUMNS]:
        remarks.append(f"{path}: columns that are not used: {', '.join(map(repr, unused[:8]))}")
    lines: dict[str, int] = {}
    found: list[Enrolled] = []
    for number, row in rows:
        one = _enrolled(dict(zip(columns, row, strict=False)), f"{path}, line {number}")
        first = lines.setdefault(one.person.id.casefold(), number)
        if first != number:
            raise UsageError(
                f"{path}, line {number}: the id {one.person.id!r} stands in line {first} already; each needs its own"
            )
        found.append(one)
        if len(found) > MAX_PEOPLE:
            raise UsageError(f"{path}: expected at most {MAX_PEOPLE:,} people, found more; leave out who is not in the course")
    if not found:
        raise UsageError(f"{path}: expected a line for each person below the header, found none")
    return _indexed(tuple(found))


def enrol(uploads: Sequence[Upload], roster: Roster, remarks: list[str]) -> list[Upload]:
    """Uploads under the roster's ids and names, a group's for each of its members, and a row for those without any."""
    own: dict[int, list[Upload]] = defaultdict(list)  # by place on the roster
    shared: dict[int, list[Upload]] = defaultdict(list)  # handed in by a group, or somebody else in it
    unknown: list[Upload] = []
    reasons: dict[str, str] = {}
    for upload in uploads:
        people, reason = _matched(upload, roster)
        for place in people:
            own[place].append(upload)
        if reason:
            unknown.append(upload)
            reasons[attempts.owner(upload)] = f"{upload.name!r} ({attempts.owner(upload)}) {reason}; it is shown as it is"
    remarks += reasons.values()
    _share(own, shared, roster, remarks)
    known = [one for place in sorted(own) for one in _renamed(own[place], roster.enrolled[place], remarks)]
    known += [one for place in sorted(shared) for one in _renamed(shared[place], roster.enrolled[place], remarks)]
    without = [one for place, one in enumerate(roster.enrolled) if place not in own and place not in shared]
    hidden = [upload for upload in unknown if upload.lms_id and not upload.person.name]
    if without and hidden:
        remarks.append(
            f"{len(hidden)} submissions are anonymous, so that it is not known who handed in nothing: "
            f"{len(without)} people on the roster have no row"
        )
        without = []
    return _with_ids(known, [absent(file_system_safe(one.person.id), one.person) for one in without], unknown)


# --- reading -------------------------------------------------------------------------------------------------------


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{path}: can't be read: {error.strerror or error}; name a roster with --roster FILE") from None
    if len(data) > MAX_BYTES:
        raise UsageError(f"{path}: expected a roster of at most {MAX_BYTES >> 20} MiB, found a larger file")
    try:
        return data.decode("utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(f"{path}: expected UTF-8 text, found another encoding; save it as 'CSV UTF-8'") from None


def _rows(text: str, path: Path) -> Iterator[tuple[int, list[str]]]:
    """Each row that is not empty, with the number of its last line. Commas, semicolons or tabs, whichever the header has most."""
    header = text.lstrip().partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=header.count), strict=True)
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                yield reader.line_num, row
    except csv.Error as error:
        what = str(error).replace("\t", "a tab")
        raise UsageError(f"{path}, line {reader.line_num}: not CSV ({what}); save it again as CSV") from None


def _enrolled(row: dict[str, str], where: str) -> Enrolled:
    cells = {name: " ".join(row.get(name, "").split())[:300] for name in COLUMNS}
    if not cells["id"]:
        raise UsageError(f"{where}: the id is empty; each person needs one")
    person = Person(*(cells[name] for name in ("id", "name", "email", "section", "group", "extension")))
    if not is_extension(person.extension):
        raise UsageError(f"{where}: extension is {person.extension!r}, expected {EXTENSION}")
    time = cells["submitted_at"] or None
    if time:
        try:
            attempts.moment(time)
        except ValueError:
            raise UsageError(
                f"{where}: submitted_at is {time!r}, expected a time with its zone such as 2026-05-01T23:59:00+02:00"
            ) from None
    return Enrolled(person, time, tuple(alias.strip() for alias in cells["aliases"].split(";") if alias.strip()))


def _indexed(enrolled: tuple[Enrolled, ...]) -> Roster:
    roster = Roster(enrolled)
    for place, one in enumerate(enrolled):
        for key in (one.person.id, one.person.email, *one.aliases):
            roster.exact[key.casefold()].add(place)
        for name in _spellings(one.person.name):
            roster.names[_plain(name)].add(place)
            roster.names[_plain(f"{one.person.group} {name}")].add(place)  # Moodle's, for a download of one group
        for squashed in _squashed_forms(one.person.name):
            roster.squashed[squashed].add(place)
        roster.groups[_plain(one.person.group)].add(place)
        roster.squashed_groups[_squash(one.person.group)].add(place)
    for index in (roster.exact, roster.names, roster.squashed, roster.groups, roster.squashed_groups):
        index.pop("", None)
    return roster


# --- matching ------------------------------------------------------------------------------------------------------


def _matched(upload: Upload, roster: Roster) -> tuple[set[int], str]:
    """Whose it is by the roster, or why nobody's. A group's is everybody's in it."""
    lms = upload.lms_id.partition(":")[0]
    stem = upload.name if upload.parts or is_folder(upload.path) else Path(upload.name).stem
    keys = (upload.person.id, upload.person.email) if lms else (stem,)
    name = upload.person.name if lms else stem
    exact = [roster.exact.get(key.casefold(), set()) for key in keys if key]
    names, groups, spelt = (roster.names, roster.groups, _plain(name))
    if lms == "canvas":
        names, groups, spelt = (roster.squashed, roster.squashed_groups, _squash(name))
    named, group = names.get(spelt, set()), groups.get(spelt, set())
    evidence = [found for found in (*exact, named) if found]
    if group and all(found <= group for found in evidence):
        return group, ""
    if not evidence:
        return set(), "is not on the roster"
    agreed = set.intersection(*evidence)
    if len(agreed) == 1 and not group:
        return agreed, ""
    people = sorted(roster.enrolled[place].person.id for place in set.union(group, *evidence))
    return set(), f"may be one of several on the roster: {', '.join(people[:5])}{', ...' if len(people) > 5 else ''}"


def _share(own: dict[int, list[Upload]], shared: dict[int, list[Upload]], roster: Roster, remarks: list[str]) -> None:
    """What one member of a group handed in stands for those who handed in nothing, unless there are several such."""
    for place, one in enumerate(roster.enrolled):
        if place in own:
            continue
        givers = sorted(roster.group_of(place) & own.keys())
        if len({tuple(upload.source for upload in own[giver]) for giver in givers}) == 1:
            shared[place] = own[givers[0]]
        elif givers:
            ids = ", ".join(roster.enrolled[giver].person.id for giver in givers[:5])
            remarks.append(
                f"{one.person.id!r} handed in nothing, and the group {one.person.group!r} has several ({ids}); none is taken"
            )


def _renamed(uploads: Sequence[Upload], one: Enrolled, remarks: list[str]) -> list[Upload]:
    """All attempts of one person under the roster's id; under their own ones where nothing says which is the newest."""
    found = [replace(upload, person=one.person) for upload in uploads]
    if len({attempts.owner(upload) for upload in uploads}) > 1:
        ordered = all(upload.submitted_at for upload in uploads)
        names = ", ".join(repr(upload.name) for upload in uploads[:5])
        what = "they are taken as attempts" if ordered else "each has its own row, because not all of them say when they came"
        remarks.append(f"{one.person.id!r} handed in more than once ({names}); {what}")
        if not ordered:
            return found
    found = attempts.numbered(found, file_system_safe(one.person.id))
    if one.submitted_at and not found[-1].submitted_at:  # the LMS shows the time of the newest attempt
        found[-1] = replace(found[-1], submitted_at=one.submitted_at)
    return found


def _with_ids(known: Iterable[Upload], missing: Iterable[Upload], unknown: Iterable[Upload]) -> list[Upload]:
    """Ids that nobody else has: the roster's first, then those of people that it does not know."""
    students: dict[tuple[bool, str], list[Upload]] = defaultdict(list)
    for is_known, uploads in ((True, [*known, *missing]), (False, unknown)):
        for upload in uploads:
            students[is_known, attempts.owner(upload)].append(upload)
    taken = {name.casefold() for is_known, name in students if is_known}
    names = [
        (name if is_known or name.casefold() not in taken else f"{name}-unknown", name, f"{is_known} {name}")
        for is_known, name in students
    ]
    found = [
        replace(upload, student=f"{student}~{upload.attempt}" if upload.attempt else student)
        for student, own in zip(unique(names), students.values(), strict=True)
        for upload in own
    ]
    return sorted(found, key=lambda upload: upload.student)


# --- names ---------------------------------------------------------------------------------------------------------


def _plain(name: str) -> str:
    """Without case, accents (of scripts that have them apart from their letters), punctuation and further spaces."""
    bare = re.sub(r"[\u0300-\u036f'\u2019`.]", "", unicodedata.normalize("NFKD", name.casefold()))
    return " ".join("".join(c if unicodedata.category(c)[0] in "LMN" else " " for c in bare).split())


def _spellings(name: str) -> set[str]:
    last, comma, first = name.partition(",")
    return {name, f"{first} {last}"} if comma else {name}


def _squashed_forms(name: str) -> set[str]:
    """As Canvas may write it: it sorts by "Last, First", and where the last name begins only Canvas knows."""
    words = _plain(name).split()
    return {_squash(" ".join(words[cut:] + words[:cut])) for cut in range(len(words))}


def _squash(name: str) -> str:
    return _plain(name).replace(" ", "")
