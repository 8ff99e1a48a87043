"""Names as text, and as ids that can be a folder's name: ASCII, safe on every file system, unique whatever the case."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

_RESERVED = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?", re.IGNORECASE)  # device names on Windows


def unique(names: Sequence[tuple[str, str, str]]) -> list[str]:
    """An id for each (short name, longer name, whole path): the short name where nobody else has it."""
    short = [file_system_safe(short) for short, _, _ in names]
    ids = [s if n == 1 else file_system_safe(longer) for s, n, (_, longer, _) in zip(short, _counts(short), names, strict=True)]
    for digits in (8, 64):  # the same name in two folders, or in upper and lower case
        counts = _counts(ids)
        ids = [s if n == 1 else _with_digest(s, whole, digits) for s, n, (_, _, whole) in zip(ids, counts, names, strict=True)]
    return ids


def file_system_safe(name: str) -> str:
    """ASCII letters, digits, ``._-`` only; a name that loses something gets a digest of itself, so that it stays unique."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    safe = re.sub(r"[^A-Za-z0-9._-]+", "_", plain).lstrip("-._").rstrip("._")
    if safe == name and len(safe) <= 100 and not _RESERVED.fullmatch(safe):
        return safe
    return _with_digest(safe or "submission", unicodedata.normalize("NFC", name), 8)


def numbered(name: str, number: str) -> str:
    """A name with a number that is unique already, so that it needs no digest: ``Jörg Müller``, ``12`` -> ``jorg_muller_12``."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return "_".join([*re.findall(r"[a-z0-9]+", plain[:60]), number])


def printable(name: str) -> str:
    """The name as text: bytes that are not UTF-8 are spelled out, because JSON can't hold them."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _counts(names: list[str]) -> list[int]:
    counts = Counter(name.lower() for name in names)
    return [counts[name.lower()] for name in names]


def _with_digest(name: str, whole: str, digits: int) -> str:
    digest = hashlib.sha256(whole.encode("utf-8", "surrogateescape")).hexdigest()[:digits]
    return f"{'s_' if _RESERVED.fullmatch(name) else ''}{name[: 97 - digits]}-{digest}"
