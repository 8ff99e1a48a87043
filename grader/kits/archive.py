"""Zip archives with permissions in them, whose bytes follow from their members alone."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

MOMENT = (2020, 2, 2, 0, 0, 0)  # of every member, so that the same kit has the same bytes
_UNIX, _REGULAR = 3, 0o100000


@dataclass(frozen=True, slots=True)
class Member:
    """One file of an archive."""

    data: bytes
    executable: bool = False


def pack(members: Mapping[str, Member]) -> bytes:
    """The archive, members in order of their names: paths relative to its root, with forward slashes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in sorted(members):
            entry = zipfile.ZipInfo(name, MOMENT)
            entry.create_system = _UNIX
            entry.external_attr = (_REGULAR | (0o755 if members[name].executable else 0o644)) << 16
            stored = name.endswith((".whl", ".zip"))  # compressed already
            archive.writestr(entry, members[name].data, zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED, 9)
    return out.getvalue()


def contents(data: bytes, name: str = "") -> Iterator[tuple[str, bytes]]:
    """Every file in an archive as (path, bytes), those of archives within it too, each before the archive that holds it."""
    if zipfile.is_zipfile(io.BytesIO(data)):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for entry in archive.infolist():
                yield from contents(archive.read(entry), f"{name}/{entry.filename}")
    yield name, data
