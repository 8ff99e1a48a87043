"""Reads zip archives into memory, member by member, under caps. Nothing is extracted, so no name can escape."""

from __future__ import annotations

import io
import re
import stat
import zipfile
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise

from grader.errors import SubmissionError

MAX_FILES = 1000
MAX_FILE_BYTES = 32 << 20
MAX_TOTAL_BYTES = 64 << 20
MAX_RATIO = 200  # unpacked to packed bytes; only archives above RATIO_FLOOR_BYTES are asked
RATIO_FLOOR_BYTES = 4 << 20
MAX_NAME_BYTES = 200


class Files:
    """A submission's files, refused once they are too many or too large."""

    def __init__(self) -> None:
        self.contents: dict[str, bytes] = {}
        self._total = 0

    def add(self, name: str, read: Callable[[int], bytes]) -> None:
        """Add a file; ``read(limit)`` gives its bytes, and may stop at ``limit + 1`` of them."""
        if len(self.contents) >= MAX_FILES:
            raise unreadable(f"expected at most {MAX_FILES} files, found more; hand in the sources only")
        if any(len(part.encode()) > MAX_NAME_BYTES for part in name.split("/")):
            raise unreadable(f"the file name {name[:60]!r}... is longer than {MAX_NAME_BYTES} bytes; shorten it")
        data = read(MAX_FILE_BYTES)
        if len(data) > MAX_FILE_BYTES:
            remedy = "clear its outputs" if name.lower().endswith(".ipynb") else "hand in the sources only"
            raise unreadable(f"{name!r} is larger than {MAX_FILE_BYTES >> 20} MiB; {remedy}")
        self._total += len(data)
        if self._total > MAX_TOTAL_BYTES:
            raise unreadable(f"the files are larger than {MAX_TOTAL_BYTES >> 20} MiB together; hand in the sources only")
        self.contents[name] = data


def read(data: bytes, name: str, notes: list[str]) -> dict[str, bytes]:
    """The files of a zip archive, without its single top folder. Raises SubmissionError (unreadable) naming the member."""
    # Every member costs a record of its own in memory, so they are counted before the library parses them.
    if data.count(b"PK\x01\x02") > 10 * MAX_FILES:
        raise unreadable(f"{name!r} holds more than {MAX_FILES} files; hand in the sources only")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            files = _members(archive, name, notes)
    except SubmissionError:
        raise
    except Exception as error:
        raise unreadable(f"{name!r} is not a readable zip archive ({type(error).__name__}); zip the files again") from None
    if not files:
        raise unreadable(f"{name!r} holds no files; zip prune.py and hand it in again")
    return _without_top_folder(files)


def is_litter(name: str) -> bool:
    """Whether a file or folder of that name is an editor's or a system's, not the student's."""
    return name.startswith((".", "~")) or name in {"__pycache__", "__MACOSX"}


def unreadable(message: str) -> SubmissionError:
    return SubmissionError("unreadable", "unpack", message)


def _members(archive: zipfile.ZipFile, name: str, notes: list[str]) -> dict[str, bytes]:
    members = archive.infolist()
    for member in members:
        _check_name(member)
    _check_overlap(members)
    environments = {m.filename.removesuffix("pyvenv.cfg") for m in members if m.filename.split("/")[-1] == "pyvenv.cfg"}
    notes += [f"the virtual environment {environment!r} was left out" for environment in sorted(environments)]
    wanted = [
        member
        for member in members
        if not member.is_dir()
        and not any(is_litter(part) for part in member.filename.split("/"))
        and not member.filename.endswith(".pyc")
        and not any(member.filename.startswith(environment) for environment in environments)
    ]
    packed = sum(member.compress_size for member in wanted)
    unpacked = sum(member.file_size for member in wanted)
    if unpacked > max(RATIO_FLOOR_BYTES, MAX_RATIO * packed):
        raise unreadable(f"{name!r} unpacks to more than {MAX_RATIO} times its size; hand in the sources only")
    files = Files()
    for member in wanted:
        _check_packing(member)
        if member.filename in files.contents:
            raise unreadable(f"{name!r} holds {member.filename!r} twice; zip the files again")
        files.add(member.filename, partial(_unpacked, archive, member))
    for path in files.contents:
        parents = path.split("/")[:-1]
        if any("/".join(parents[: depth + 1]) in files.contents for depth in range(len(parents))):
            raise unreadable(f"{name!r} holds {path!r} inside of what is a file; zip the files again")
    return files.contents


def _unpacked(archive: zipfile.ZipFile, member: zipfile.ZipInfo, limit: int) -> bytes:
    with archive.open(member) as stream:
        return stream.read(limit + 1)


def _check_name(member: zipfile.ZipInfo) -> None:
    name = member.orig_filename
    shown = repr(name[:80])
    parts = name.removesuffix("/").split("/")
    if name.startswith("/") or re.match(r"[A-Za-z]:", name):
        raise unreadable(f"zip member {shown} has an absolute path, expected one inside of the archive; zip the folder again")
    if ".." in parts:
        raise unreadable(f"zip member {shown} points outside of the archive; zip the folder again")
    if "\\" in name or "\0" in name or "" in parts or "." in parts or len(parts) > 20:
        raise unreadable(f"zip member {shown} has no plain path (names joined by '/'); zip the folder again")
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise unreadable(f"zip member {shown} is a {'link' if kind == stat.S_IFLNK else 'device'}; put the file itself in")


def _check_packing(member: zipfile.ZipInfo) -> None:
    if member.flag_bits & 0x41:
        raise unreadable(f"zip member {member.filename[:80]!r} is encrypted; zip the files without a password")
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise unreadable(
            f"zip member {member.filename[:80]!r} is packed by method {member.compress_type}, expected deflate; zip it again"
        )


def _check_overlap(members: Sequence[zipfile.ZipInfo]) -> None:
    """Members that share packed bytes are a bomb: each byte of the archive may belong to one member only."""
    ordered = sorted(members, key=lambda member: member.header_offset)
    for member, following in pairwise(ordered):
        if member.header_offset + 30 + member.compress_size > following.header_offset:
            raise unreadable(f"zip member {following.filename[:80]!r} overlaps another one; zip the files again")


def _without_top_folder(files: dict[str, bytes]) -> dict[str, bytes]:
    tops = {path.partition("/")[0] for path in files}
    if len(tops) == 1 and all("/" in path for path in files):
        return {path.partition("/")[2]: data for path, data in files.items()}
    return files
