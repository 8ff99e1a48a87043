"""Reads from a git clone which commit it has checked out, and when that was committed.

A clone may be a stranger's: its configuration can name programs for git to start (``core.fsmonitor``, ``gpg.program``, a
partial clone's transport), and its ``.git`` may be a file or link that leads elsewhere. So git is not run. HEAD, references,
loose objects and packs are read here, as bytes, below the clone's own folder, under caps; what is not plain is not read.
Forms: https://git-scm.com/docs/gitrepository-layout and https://git-scm.com/docs/gitformat-pack
"""

from __future__ import annotations

import datetime
import hashlib
import os
import re
import struct
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from grader.nofollow import opened_folder, regular

MAX_OBJECT_BYTES = 1 << 20  # of a commit, most of which is its message
MAX_PACKED_REFS_BYTES = 64 << 20
MAX_PACKS = 1000
MAX_DELTAS = 50  # git's own default depth

_COMMIT, _OFS_DELTA = 1, 6  # kinds of objects in a pack
_ID = re.compile(rb"[0-9a-f]{40}")
_BRANCH = re.compile(rb"ref: (refs(?:/(?!\.)[^\0-\x20\x7f/\\]{1,255}){1,20})")
_COMMITTER = re.compile(rb"^committer .*> (\d{1,12}) ([+-])(\d\d)(\d\d)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Commit:
    id: str  # 40 hexadecimal digits
    committed_at: str  # ISO 8601, with the committer's own offset


class CloneError(Exception):
    """Why there is no commit: a sentence's end, to stand behind the folder's name."""


def is_clone(folder: Path) -> bool:
    return os.path.lexists(folder / ".git")


def head(folder: Path) -> Commit:
    """The commit that HEAD names. The committer's date is what the committing machine's clock said.

    Raises CloneError.
    """
    try:
        with opened_folder(folder) as top, opened_folder(".git", top) as git:
            sha = _head(git)
            return Commit(sha.hex(), _committed_at(_commit(git, sha)))
    except NotADirectoryError:
        raise CloneError("its .git is not a folder but leads elsewhere") from None
    except OSError as error:
        raise CloneError(f"its .git can't be read: {error.strerror or error}") from None
    except (zlib.error, struct.error, IndexError):
        raise CloneError("its .git is damaged") from None


def _head(git: int) -> bytes:
    text = _line(git, ("HEAD",))
    if _ID.fullmatch(text):
        return bytes.fromhex(text.decode())
    branch = _BRANCH.fullmatch(text)
    if not branch:
        raise CloneError("its HEAD names neither a branch nor a commit")
    try:
        found = _line(git, tuple(os.fsdecode(part) for part in branch[1].split(b"/")))
    except FileNotFoundError:
        found = _packed_reference(git, branch[1])
    if not _ID.fullmatch(found):
        raise CloneError("its branch has no commit")
    return bytes.fromhex(found.decode())


def _line(git: int, place: tuple[str, ...]) -> bytes:
    with _file(git, place) as file:
        return file.read(4096).rstrip()


def _packed_reference(git: int, name: bytes) -> bytes:
    try:
        with _file(git, ("packed-refs",)) as file:
            read = 0
            while (line := file.readline(4096)) and read < MAX_PACKED_REFS_BYTES:
                read += len(line)
                if line.rstrip().endswith(b" " + name) and line[40:41] == b" " and line[41:].rstrip() == name:
                    return line[:40]
    except FileNotFoundError:
        pass
    raise CloneError("its branch has no commit")


@contextmanager
def _file(git: int, place: tuple[str, ...]) -> Iterator[BinaryIO]:
    """A file below .git, each folder on the way to it opened by its parent."""
    with ExitStack() as folders:
        folder = git
        for part in place[:-1]:
            folder = folders.enter_context(opened_folder(part, folder))
        yield folders.enter_context(regular(place[-1], folder))


# --- objects -------------------------------------------------------------------------------------------------------


def _committed_at(commit: bytes) -> str:
    header = commit.partition(b"\n\n")[0]
    found = _COMMITTER.search(header)
    if not found:
        raise CloneError("its commit has no date")
    seconds, sign, hours, minutes = found.groups()
    offset = datetime.timedelta(hours=int(hours), minutes=int(minutes)) * (-1 if sign == b"-" else 1)
    try:
        return datetime.datetime.fromtimestamp(int(seconds), datetime.timezone(offset)).isoformat()
    except (ValueError, OverflowError, OSError):
        raise CloneError("its commit's date is out of range") from None


def _commit(git: int, sha: bytes) -> bytes:
    """A commit's text, checked against its id."""
    try:
        with _file(git, ("objects", sha.hex()[:2], sha.hex()[2:])) as file:
            whole = _inflated(file)
    except FileNotFoundError:
        content = _packed(git, sha)
        whole = b"commit %d\0" % len(content) + content
    if not whole.startswith(b"commit ") or hashlib.sha1(whole, usedforsecurity=False).digest() != sha:
        raise CloneError("its commit is damaged")
    return whole.partition(b"\0")[2]


def _inflated(file: BinaryIO) -> bytes:
    data = zlib.decompressobj().decompress(file.read(MAX_OBJECT_BYTES), MAX_OBJECT_BYTES + 1)
    if len(data) > MAX_OBJECT_BYTES:
        raise CloneError("its commit is larger than 1 MiB")
    return data


def _packed(git: int, sha: bytes) -> bytes:
    with _folder_of_packs(git) as folder:
        names = sorted(os.listdir(folder))[: 4 * MAX_PACKS]
        for name in [name for name in names if name.startswith("pack-") and name.endswith(".idx")][:MAX_PACKS]:
            with regular(name, folder) as index:
                offset = _offset(index, sha)
            if offset is not None:
                with regular(name.removesuffix(".idx") + ".pack", folder) as pack:
                    return _object(pack, offset)
    raise CloneError("its commit is not in the clone")


@contextmanager
def _folder_of_packs(git: int) -> Iterator[int]:
    with opened_folder("objects", git) as objects, opened_folder("pack", objects) as packs:
        yield packs


def _offset(index: BinaryIO, sha: bytes) -> int | None:
    """Where an object lies in the pack of this index, found by bisection."""

    def word(place: int, form: str = ">L") -> int:
        index.seek(place)
        found: int = struct.unpack(form, index.read(struct.calcsize(form)))[0]
        return found

    if index.read(8) != b"\xfftOc\0\0\0\2":
        return None
    total = word(8 + 255 * 4)
    low, high = word(8 + (sha[0] - 1) * 4) if sha[0] else 0, word(8 + sha[0] * 4)
    names = 8 + 256 * 4
    while low < high:
        middle = (low + high) // 2
        index.seek(names + 20 * middle)
        found = index.read(20)
        if found == sha:
            offset = word(names + 24 * total + 4 * middle)
            return word(names + 28 * total + 8 * (offset & 0x7FFFFFFF), ">Q") if offset >> 31 else offset
        low, high = (middle + 1, high) if found < sha else (low, middle)
    return None


def _object(pack: BinaryIO, offset: int) -> bytes:
    """A commit from a pack: whole, or made from another one of the same pack by deltas."""
    deltas: list[bytes] = []
    while len(deltas) <= MAX_DELTAS:
        pack.seek(offset)
        byte = pack.read(1)[0]
        kind = byte >> 4 & 7
        while byte & 0x80:  # the size, which inflating tells as well
            byte = pack.read(1)[0]
        if kind == _COMMIT:
            content = _inflated(pack)
            for delta in reversed(deltas):
                content = _applied(delta, content)
            return content
        if kind != _OFS_DELTA:
            break
        offset -= _distance(pack)
        deltas.append(_inflated(pack))
        if offset < 0:
            break
    raise CloneError("its commit is packed in a way that is not read here")


def _distance(pack: BinaryIO) -> int:
    byte = pack.read(1)[0]
    distance = byte & 0x7F
    while byte & 0x80:
        byte = pack.read(1)[0]
        distance = (distance + 1) << 7 | byte & 0x7F
        if distance >> 63:
            raise IndexError
    return distance


def _applied(delta: bytes, source: bytes) -> bytes:
    """What a delta makes of its source: copies of pieces of it, and new bytes."""
    at = _after_number(delta, _after_number(delta, 0))
    made = b""
    while at < len(delta):
        operation = delta[at]
        at += 1
        if operation & 0x80:
            numbers = []
            for bit in range(7):
                present = operation >> bit & 1
                numbers.append(delta[at] if present else 0)
                at += present
            start = int.from_bytes(bytes(numbers[:4]), "little")
            made += source[start : start + (int.from_bytes(bytes(numbers[4:]), "little") or 0x10000)]
        else:
            made += delta[at : at + operation]
            at += operation
        if not operation or len(made) > MAX_OBJECT_BYTES:
            raise CloneError("its commit is damaged")
    return made


def _after_number(delta: bytes, at: int) -> int:
    while delta[at] & 0x80:
        at += 1
    return at + 1
