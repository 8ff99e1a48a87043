"""Reads zip archives into memory, member by member, under caps. Nothing is extracted, so no name can escape."""

from __future__ import annotations

import io
import re
import stat
import struct
import unicodedata
import zipfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import pairwise

from grader.errors import SubmissionError

MAX_FILES = 1000
MAX_ENTRIES = 10 * MAX_FILES  # with folders, links and litter, which are left out one by one
MAX_FILE_BYTES = 32 << 20
MAX_TOTAL_BYTES = 64 << 20
MAX_RATIO = 200  # unpacked to packed bytes; only archives above RATIO_FLOOR_BYTES are asked
RATIO_FLOOR_BYTES = 4 << 20
MAX_NAME_BYTES = 200
MAX_PATH_BYTES = 1000  # inside, a path gets longer by the folder that it is laid out in, and must stay below 4096
MAX_FOLDERS = 20

_ENVIRONMENT = {"bin", "etc", "include", "lib", "lib64", "scripts", "share"}  # folders of a virtual environment
_UTF8_NAME, _ENCRYPTED = 0x800, 0x41  # bits of a member's flags


class Files:
    """A submission's files, refused once they are too many or too large, or can't lie in one folder together."""

    def __init__(self) -> None:
        self.contents: dict[str, bytes] = {}
        self._folders: set[str] = set()
        self._total = 0

    def add(self, name: str, read: Callable[[int], bytes]) -> None:
        """Add a file; ``read(limit)`` gives its bytes, and may stop at ``limit + 1`` of them."""
        # Macs spell é as two characters, where an import or open() in the source spells it as one.
        name = unicodedata.normalize("NFC", name)
        self._check_place(name)
        data = read(MAX_FILE_BYTES)
        if len(data) > MAX_FILE_BYTES:
            raise too_large(name, MAX_FILE_BYTES)
        self._total += len(data)
        if self._total > MAX_TOTAL_BYTES:
            raise unreadable(f"the files are larger than {MAX_TOTAL_BYTES >> 20} MiB together; hand in the sources only")
        self.contents[name] = data
        self._folders.update(folders_of(name))

    def _check_place(self, name: str) -> None:
        if len(self.contents) >= MAX_FILES:
            raise unreadable(f"expected at most {MAX_FILES} files, found more; hand in the sources only")
        if any(len(part.encode()) > MAX_NAME_BYTES for part in name.split("/")) or len(name.encode()) > MAX_PATH_BYTES:
            raise unreadable(
                f"the file name {name[:60]!r}... is longer than {MAX_NAME_BYTES} bytes "
                f"(with its folders {MAX_PATH_BYTES}); shorten it"
            )
        if name in self.contents:
            raise unreadable(f"there are two files of the name {name[:80]!r}; hand in one of them")
        clash = name if name in self._folders else next(filter(self.contents.__contains__, folders_of(name)), "")
        if clash:
            raise unreadable(f"{clash[:80]!r} is both a file and a folder; rename one of them")


def read(data: bytes, name: str, notes: list[str]) -> dict[str, bytes]:
    """The files of a zip archive, without its single top folder. Raises SubmissionError (unreadable) naming the member."""
    # Every member costs a record of its own in memory, so they are counted before the library parses them.
    if data.count(b"PK\x01\x02") > MAX_ENTRIES:
        raise unreadable(f"{name!r} holds more than {MAX_FILES} files; hand in the sources only")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            _check_overlap(archive.infolist(), data)
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


def is_installed(folder: str) -> bool:
    """Whether a folder beside a pyvenv.cfg holds what was installed there, not what the student wrote."""
    return folder.lower() in _ENVIRONMENT


def folders_of(name: str) -> Iterator[str]:
    """Every folder that a path leads through, the nearest first."""
    while name := name.rpartition("/")[0]:
        yield name


def unreadable(message: str) -> SubmissionError:
    return SubmissionError("unreadable", "unpack", message)


def too_large(name: str, limit: int) -> SubmissionError:
    remedy = "clear its outputs" if name.lower().endswith(".ipynb") else "hand in the sources only"
    return unreadable(f"{name[:80]!r} is larger than {limit >> 20} MiB; {remedy}")


def _members(archive: zipfile.ZipFile, name: str, notes: list[str]) -> dict[str, bytes]:
    members = {member: name_of(member) for member in archive.infolist()}
    for member, path in members.items():
        check_name(path)
        check_kind(member, path)
    environments = {path.removesuffix("pyvenv.cfg") for path in members.values() if path.split("/")[-1] == "pyvenv.cfg"}
    notes += [f"the virtual environment {environment or './'!r} was left out" for environment in sorted(environments)]
    wanted = {member: path for member, path in members.items() if is_wanted(path, environments)}
    packed = sum(member.compress_size for member in wanted)
    unpacked = sum(member.file_size for member in wanted)
    if unpacked > max(RATIO_FLOOR_BYTES, MAX_RATIO * packed):
        raise unreadable(f"{name!r} unpacks to more than {MAX_RATIO} times its size; hand in the sources only")
    files = Files()
    for member, path in wanted.items():
        check_packing(member, path)
        files.add(path, partial(member_bytes, archive, member))
    return files.contents


def member_bytes(archive: zipfile.ZipFile, member: zipfile.ZipInfo, limit: int) -> bytes:
    with archive.open(member) as stream:
        return stream.read(limit + 1)


def name_of(member: zipfile.ZipInfo) -> str:
    """The member's name, from the bytes that stand beside its entry.

    Never ``member.filename``: newer Pythons take that from an extra field, where nobody would look for ``../``. Macs
    write UTF-8 without saying so, and zipfile then reads code page 437.
    """
    name = member.orig_filename
    if not member.flag_bits & _UTF8_NAME:
        try:
            return name.encode("cp437").decode()
        except UnicodeError:
            pass
    return name


def is_wanted(path: str, environments: set[str]) -> bool:
    """Whether a file is the student's own. ``environments`` are the folders with a pyvenv.cfg, a slash at the end of each."""
    *folders, last = path.split("/")
    if not last or last.endswith(".pyc") or last == "pyvenv.cfg" or any(map(is_litter, (*folders, last))):
        return False
    above = ""
    for folder in folders:
        if above in environments and is_installed(folder):
            return False
        above += f"{folder}/"
    return True


def check_name(name: str) -> None:
    """Raises SubmissionError for a path that is none within the submission."""
    shown = repr(name[:80])
    parts = name.removesuffix("/").split("/")
    if name.startswith("/") or re.match(r"[A-Za-z]:", name):
        raise unreadable(f"zip member {shown} has an absolute path, expected one inside of the archive; zip the folder again")
    if ".." in parts:
        raise unreadable(f"zip member {shown} points outside of the archive; zip the folder again")
    if "\\" in name or "\0" in name or "" in parts or "." in parts or len(parts) > MAX_FOLDERS:
        raise unreadable(f"zip member {shown} has no plain path (names joined by '/'); zip the folder again")


def check_kind(member: zipfile.ZipInfo, name: str) -> None:
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        what = "link" if kind == stat.S_IFLNK else "device"
        raise unreadable(f"zip member {name[:80]!r} is a {what}; put the file itself in")


def check_packing(member: zipfile.ZipInfo, name: str) -> None:
    if member.flag_bits & _ENCRYPTED:
        raise unreadable(f"zip member {name[:80]!r} is encrypted; zip the files without a password")
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise unreadable(f"zip member {name[:80]!r} is packed by method {member.compress_type}, expected deflate; zip it again")


def _check_overlap(members: Sequence[zipfile.ZipInfo], data: bytes) -> None:
    """Members that share packed bytes are a bomb: each byte of the archive may belong to one member only."""
    ordered = sorted(members, key=lambda member: member.header_offset)
    for member, following in pairwise(ordered):
        # The lengths in the member's own header count, because its packed bytes start behind them.
        lengths = struct.unpack_from("<HH", data, member.header_offset + 26)
        if member.header_offset + 30 + sum(lengths) + member.compress_size > following.header_offset:
            raise unreadable(f"zip member {name_of(following)[:80]!r} overlaps another one; zip the files again")


def _without_top_folder(files: dict[str, bytes]) -> dict[str, bytes]:
    tops = {path.partition("/")[0] for path in files}
    if len(tops) == 1 and all("/" in path for path in files):
        return {path.partition("/")[2]: data for path, data in files.items()}
    return files
