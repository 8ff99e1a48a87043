"""Recognises what Canvas, Moodle and Gradescope give an instructor to download, and splits it into submissions.

A download is the zip that the LMS made, or the folder unpacked from it. It counts as one only if **every** name in it follows
the LMS's rule; anything else is left to the rules for plain folders and files. The rules, from the LMSs' own sources:

- Canvas, flat: ``doejane_LATE_12345_67890_prune.py``, ``anon_AbC12_67890_prune.py``, ``doejane_12345_text.html``
- Moodle, a folder each: ``Jane Doe_678_assignsubmission_file_/prune.py``; or flat: ``Jane Doe_678_..._file_prune.py``
- Gradescope: ``submission_9/...`` beside a ``submission_metadata.yml`` that says whose each is and when it came

Times come from Gradescope's metadata alone. The dates of the zips' members are never taken for them: Canvas and Moodle write
their archives anew for each download, so those dates say when the instructor clicked.

Nothing is extracted, and nothing is read here but names and Gradescope's metadata: an ``Upload`` names its parts, and
``intake.read`` fetches them member by member.
"""

from __future__ import annotations

import os
import re
import struct
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from grader import beside, gradescope, naming, unzip
from grader.beside import is_batch_litter
from grader.errors import GraderError, UsageError
from grader.nofollow import is_folder, opened_folder, regular
from grader.records import Part, Person, Upload
from grader.unzip import is_litter

MAX_DIRECTORY_BYTES = 16 << 20  # of a zip's list of members: about 100,000 names, each of which costs memory
MAX_CHILDREN = 100_000  # of an unpacked folder

_CANVAS = re.compile(
    r"(?:(?!anon_)(?P<name>[^\x00-/:-^`{-\x7f]+?)_)?(?:(?P<late>LATE)_)?(?P<user>anon_[A-Za-z0-9]+|[1-9]\d*)_(?:(?P<attachment>[1-9]\d*)_(?P<file>.+)"
    r"|(?P<entry>text|link)\.html)",
    re.DOTALL,
)
_AGAIN = re.compile(r"(?P<stem>.+)-(?P<number>[1-9]\d{0,2})(?P<suffix>\.[^.]+)", re.DOTALL)  # prune-1.py, handed in again
_MOODLE = re.compile(
    r"(?P<name>[^_/]+)(?:_(?P<participant>\d+))?_(?P<kind>assignsubmission|assignfeedback)_(?P<plugin>[a-z]+)(?:_(?P<file>.*))?",
    re.DOTALL,
)
_METADATA = "submission_metadata.yml"
_BELONGS: dict[str, Callable[[str], object]] = {  # whether a name at the top of a download is one of those that the LMS gives
    "Gradescope": lambda name: name == _METADATA or gradescope.is_submission(name),
    "Moodle": _MOODLE.fullmatch,
    "Canvas": _CANVAS.fullmatch,
}


@dataclass(frozen=True, slots=True)
class _Child:
    """What lies at the top of a download."""

    name: str
    files: tuple[str, ...] = ()  # of a folder in a zip
    is_folder: bool = False


@dataclass(frozen=True, slots=True)
class _Download:
    given: str  # the path as it was given
    path: Path  # the zip, or the folder that the children lie in
    is_zip: bool
    above: str  # in a zip: the single folder that holds everything, with a slash
    children: tuple[_Child, ...]

    def upload(self, student: str, name: str, parts: Sequence[Part], **known: Any) -> Upload:
        """An upload of some of the download's files."""
        single = parts[0] if len(parts) == 1 else None
        source = f"{self.given}/{single.place if single else self.above + name}"
        return Upload(
            student=student,
            name=naming.printable(single.name if single else name),
            source=naming.printable(source),
            path=self.path,
            parts=tuple(parts),
            **known,
        )

    def upload_of_folder(self, child: _Child, student: str, **known: Any) -> Upload:
        """An upload of all that lies in one of the download's folders."""
        name = naming.printable(child.name)
        if self.is_zip:
            place = f"{self.above}{child.name}/"
            parts = tuple(Part(inner, place + inner) for inner in _wanted(child.files) or child.files)
            return replace(self.upload(student, name, parts, **known), name=name) if parts else absent(student, **known)
        return Upload(
            student=student, name=name, source=f"{naming.printable(self.given)}/{name}", path=self.path / child.name, **known
        )


def split(given: Path, real: Path, remarks: list[str]) -> list[Upload]:
    """The submissions in a download, oldest attempts first; none where the path is no download.

    Their ``student`` is an id that the LMS's own one makes unique in the download, and equal for attempts of one student.
    Raises UsageError where it is a download that can't be read.
    """
    for download in _looked_at(given, real):
        for lms, recognise in (("Gradescope", _gradescope), ("Moodle", _moodle), ("Canvas", _canvas)):
            if found := recognise(download, remarks):
                people = len({upload.student for upload in found})
                shown = naming.printable(str(given))
                remarks.append(f"{shown}: a {lms} download of {people} {'people' if people > 1 else 'person'}")
                if others := beside.left_out(_left_out(download, real, _BELONGS[lms])):
                    remarks.append(f"{shown}: left out, as no submission: {others}")
                return found
    return []


def _left_out(download: _Download, real: Path, belongs: Callable[[str], object]) -> list[Path]:
    """What lies in the download, or beside the folder that holds all of it, and is nobody's work by the LMS's rule."""
    names = [child.name for child in download.children] if download.is_zip else os.listdir(download.path)
    around = os.listdir(real) if not download.is_zip and download.path != real else []
    others = [download.path / name for name in names if not belongs(name)]
    return others + [real / name for name in around if name != download.path.name]


def absent(student: str, person: Person, lms_id: str = "", submitted_at: str | None = None) -> Upload:
    """The row of somebody of whom there is nothing, whatever is known besides."""
    name = person.name or person.id
    return Upload(student, name, "", Path(os.devnull), submitted_at, person=person, lms_id=lms_id, handed_in=False)


@contextmanager
def opened(upload: Upload) -> Iterator[Callable[[Part, int], bytes]]:
    """Gives ``read(part, limit)``, which returns a part's bytes, at most ``limit + 1`` of them.

    Raises SubmissionError for what a student has named or packed badly, and GraderError where the download is damaged.
    """
    for part in upload.parts:
        unzip.check_name(part.name)
    try:
        if is_folder(upload.path):
            with opened_folder(upload.path) as folder:
                yield lambda part, limit: _read_child(folder, part, limit)
        else:
            with regular(upload.path) as file, zipfile.ZipFile(file) as archive:
                members = defaultdict(list)
                for member in archive.infolist():
                    members[unzip.name_of(member)].append(member)
                yield lambda part, limit: _read_member(archive, members[part.place], part, limit)
    except (zipfile.BadZipFile, struct.error, EOFError, NotImplementedError, ValueError, zlib.error) as error:
        raise GraderError(f"{upload.source}: the download is damaged ({type(error).__name__}); download it again") from None


def _read_child(folder: int, part: Part, limit: int) -> bytes:
    with regular(part.place, folder) as file:
        return file.read(limit + 1)


def _read_member(archive: zipfile.ZipFile, members: Sequence[zipfile.ZipInfo], part: Part, limit: int) -> bytes:
    if len(members) != 1:
        raise unzip.unreadable(f"there are {len(members)} files of the name {part.name[:80]!r}; hand in one of them")
    unzip.check_kind(members[0], part.name)
    unzip.check_packing(members[0], part.name)
    return unzip.member_bytes(archive, members[0], limit)


# --- looking -------------------------------------------------------------------------------------------------------


def _looked_at(given: Path, real: Path) -> Iterator[_Download]:
    """The download as it is, and once more without a single folder around it."""
    if is_folder(real):
        path, above = real, ""
        for _ in range(2):
            children = _listed(path)
            yield _Download(f"{given}{above}", path, False, "", children)
            folders = [child for child in children if not is_batch_litter(child.name, child.is_folder)]
            if len(folders) != 1 or not folders[0].is_folder:
                break
            path, above = path / folders[0].name, f"{above}/{folders[0].name}"
    elif real.suffix.lower() == ".zip":
        names = [name for name in _member_names(real) if not is_litter(name.partition("/")[0])]
        yield _Download(str(given), real, True, "", _nested(names))
        top = names[0].partition("/")[0] + "/" if names else ""
        if all(name.startswith(top) for name in names):
            yield _Download(str(given), real, True, top, _nested(name.removeprefix(top) for name in names))


def _listed(folder: Path) -> tuple[_Child, ...]:
    """What lies in a folder, but for reports that a batch has written there: the LMS has given none."""
    children = []
    with os.scandir(folder) as entries:
        for entry in entries:
            children.append(_Child(entry.name, is_folder=entry.is_dir(follow_symlinks=False)))
            if len(children) > MAX_CHILDREN:
                raise UsageError(f"{folder}: expected at most {MAX_CHILDREN:,} submissions, found more; name a smaller folder")
    submissions = (child for child in children if not beside.holds_reports(folder / child.name))
    return tuple(sorted(submissions, key=lambda child: child.name))


def _nested(names: Iterable[str]) -> tuple[_Child, ...]:
    tops: dict[str, list[str]] = defaultdict(list)
    folders = set()
    for name in names:
        top, slash, rest = name.partition("/")
        if slash:
            folders.add(top)
        if rest and not rest.endswith("/"):
            tops[top].append(rest)
        elif top:
            tops[top] += []
    return tuple(_Child(top, tuple(files), top in folders) for top, files in tops.items())


def _member_names(path: Path) -> list[str]:
    """The names in a zip; none where it is no readable one, or a larger one than an LMS makes."""
    try:
        with regular(path) as file:
            if _directory_bytes(file) > MAX_DIRECTORY_BYTES:
                return []
            with zipfile.ZipFile(file) as archive:
                return [unzip.name_of(member) for member in archive.infolist()]
    except Exception:  # whatever hostile bytes make the library raise: it is no download, and is read as a submission
        return []


def _directory_bytes(file: Any) -> int:
    """The size of a zip's list of members, by the record at its end, before the library reads all of it."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - 22 - 65_535))
    tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    (stated,) = struct.unpack_from("<L", tail, at + 12)
    locator = tail[max(0, at - 20) : at]
    if locator.startswith(b"PK\x06\x07"):  # Zip64
        file.seek(struct.unpack_from("<Q", locator, 8)[0])
        stated = max(struct.unpack_from("<Q", file.read(56), 40)[0], 0 if stated == 0xFFFFFFFF else stated)
    file.seek(0)
    return int(stated)


def _wanted(files: Sequence[str]) -> list[str]:
    environments = {name.removesuffix("pyvenv.cfg") for name in files if name.split("/")[-1] == "pyvenv.cfg"}
    return [name for name in files if unzip.is_wanted(name, environments)]


def _matches(download: _Download, rule: re.Pattern[str], lms: str, remarks: list[str]) -> list[tuple[_Child, re.Match[str]]]:
    """Each child with what the rule finds in its name; none unless all follow it."""
    found, others = [], []
    for child in download.children:
        if match := rule.fullmatch(child.name):
            found.append((child, match))
        elif not is_batch_litter(child.name, child.is_folder) or (download.is_zip and not is_litter(child.name)):
            others.append(child.name)
    if found and others and not download.is_zip and len(found) > len(others):
        remarks.append(
            f"{naming.printable(download.given)}: {len(found)} names are as {lms} writes them, but "
            f"{naming.printable(others[0])!r} is not: each is taken as one submission; move what is not from the LMS elsewhere"
        )
    return [] if others else found


# --- Canvas --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _File:
    """One file of a Canvas download."""

    place: str
    user: str
    name: str
    late: bool
    attachment: int  # grows with time, over the whole of Canvas; 0 for a text entry or a link
    file: str


def _canvas(download: _Download, remarks: list[str]) -> list[Upload]:
    if any(child.is_folder and not is_litter(child.name) for child in download.children):
        return []
    files = [_canvas_file(download, child.name, match) for child, match in _matches(download, _CANVAS, "Canvas", remarks)]
    users: dict[str, list[_File]] = defaultdict(list)
    for file in files:
        users[file.user].append(file)
    attachments = [file.attachment for file in files if file.attachment]
    # Somebody's own scheme, such as week7_2026_1_ann.py, has the form as well. Canvas numbers each file once, each user has
    # one name, and a folder of a class is not one person's.
    if len(set(attachments)) < len(attachments) or any(len({file.name for file in own}) > 1 for own in users.values()):
        return []
    if len(users) == 1 and len(files) > 1 and not download.is_zip:
        return []
    return [upload for user, own in users.items() for upload in _canvas_uploads(download, user, own)]


def _canvas_file(download: _Download, name: str, match: re.Match[str]) -> _File:
    found = match.groupdict(default="")
    shown = found["file"] or f"{found['entry']}.html"
    place = download.above + name
    return _File(place, found["user"], found["name"], bool(found["late"]), int(found["attachment"] or 0), shown)


def _canvas_uploads(download: _Download, user: str, files: list[_File]) -> Iterator[Upload]:
    student = naming.numbered(files[0].name, user.replace("_", "-"))
    for attempt in _canvas_attempts(files):
        yield download.upload(
            student,
            f"{files[0].name}_{user}".lstrip("_"),
            [Part(name, file.place) for name, file in attempt.items()],
            person=Person(id=user, name=files[0].name),
            lms_id=f"canvas:{user}",
            late=any(file.late for file in attempt.values()),
            sequence=max(file.attachment for file in attempt.values()),
        )


def _canvas_attempts(files: list[_File]) -> list[dict[str, _File]]:
    """The files of each attempt by the names that the student gave them, oldest attempt first.

    A download holds a student's newest attempt, but may have been unpacked over an earlier one. Canvas numbers a file that is
    handed in again (prune.py, prune-1.py), so a name that comes again begins an attempt, which keeps the files not replaced.
    """
    named = [(_original(file, files), file) for file in sorted(files, key=lambda file: file.attachment)]
    attached = [(name, file) for name, file in named if file.attachment]
    attempts: list[dict[str, _File]] = [{}]
    for name, file in attached or named:
        if name in attempts[-1]:
            attempts.append(dict(attempts[-1]))
        attempts[-1][name] = file
    return attempts


def _original(file: _File, files: list[_File]) -> str:
    """The name without Canvas's number, where that is what it is and not the student's own."""
    again = _AGAIN.fullmatch(file.file)
    if not again:
        return file.file
    original = again["stem"] + again["suffix"]
    if any(other.file == original for other in files):
        return original
    numbers = [found for other in files if (found := _AGAIN.fullmatch(other.file))]
    if sum(found["stem"] + found["suffix"] == original for found in numbers) > 1:
        return file.file  # part-1.py and part-2.py
    sources = [found["number"] for found in numbers if found["suffix"].lower() in {".py", ".ipynb", ".zip"}]
    return original if again["number"] in sources else file.file


# --- Moodle --------------------------------------------------------------------------------------------------------


def _moodle(download: _Download, remarks: list[str]) -> list[Upload]:
    people: dict[tuple[str, str], list[tuple[_Child, re.Match[str]]]] = defaultdict(list)
    for child, match in _matches(download, _MOODLE, "Moodle", remarks):
        if match["kind"] == "assignsubmission":
            number = match["participant"] or ""
            people[number, "" if number else match["name"]].append((child, match))
    names = {own[0][1]["name"] for own in people.values()}
    blind = names == {"Participant"} or (len(names) == 1 and len(people) > 1)  # the word in whatever language
    return [_moodle_upload(download, number, own, blind) for (number, _), own in people.items()]


def _moodle_upload(download: _Download, number: str, found: list[tuple[_Child, re.Match[str]]], blind: bool) -> Upload:
    name = found[0][1]["name"]
    known: dict[str, Any] = {
        "person": Person(id=f"Participant {number}" if number else "", name="" if blind else naming.printable(name)),
        "lms_id": f"moodle:{number}" if number else "",
    }
    student = naming.numbered("participant" if blind else name, number) if number else naming.file_system_safe(name)
    files = [one for one in found if one[1]["plugin"] != "onlinetext"] or found
    if folders := [child for child, _ in files if child.is_folder]:
        return download.upload_of_folder(folders[0], student, **known)
    parts = [Part(match["file"] or child.name, download.above + child.name) for child, match in files]
    return download.upload(student, f"{name}_{number}", parts, **known)


# --- Gradescope ----------------------------------------------------------------------------------------------------


def _gradescope(download: _Download, remarks: list[str]) -> list[Upload]:
    if not any(child.name == _METADATA and not child.is_folder for child in download.children):
        return []
    folders = {child.name: child for child in download.children if child.is_folder and gradescope.is_submission(child.name)}
    about = gradescope.parsed(_metadata(download), f"{download.given}/{download.above}{_METADATA}")
    for name in sorted(folders.keys() - about.keys()):
        remarks.append(f"{name!r} does not stand in {_METADATA}; nobody is named for it")
        about[name] = gradescope.Submitted((Person(id=name),))
    for name in sorted(about.keys() - folders.keys()):
        remarks.append(f"{name!r} stands in {_METADATA}, but the export has no files of it")
    return [
        _gradescope_upload(download, folders.get(name), person, submitted.created_at)
        for name, submitted in sorted(about.items())
        for person in submitted.people
    ]


def _metadata(download: _Download) -> bytes:
    limit = gradescope.MAX_METADATA_BYTES + 1
    try:
        if not download.is_zip:
            with opened_folder(download.path) as folder, regular(_METADATA, folder) as file:
                return file.read(limit)
        with regular(download.path) as file, zipfile.ZipFile(file) as archive:
            return unzip.member_bytes(archive, archive.getinfo(download.above + _METADATA), limit)
    except Exception as error:  # zipfile raises whatever hostile bytes lead to
        raise UsageError(f"{download.given}: its {_METADATA} can't be read ({type(error).__name__}); export it again") from None


def _gradescope_upload(download: _Download, folder: _Child | None, person: Person, created_at: str | None) -> Upload:
    who = person.id or person.email or person.name
    student, lms_id = naming.file_system_safe(who), f"gradescope:{who}"
    if not folder:
        return absent(student, person, lms_id)
    return download.upload_of_folder(folder, student, person=person, lms_id=lms_id, submitted_at=created_at)
