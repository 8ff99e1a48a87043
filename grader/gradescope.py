"""Reads the submission_metadata.yml of a Gradescope export: whose each submission is, and when it came.

It is YAML as Ruby writes it, with symbols for keys (``:submitters:``, ``:created_at:``) and now and then a tagged object.
It also holds the results of tests, and in them whatever a submission printed. So no tag is followed: all values are read as
strings, lists and dicts.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from grader.errors import UsageError
from grader.records import Person

MAX_METADATA_BYTES = 64 << 20

_SUBMISSION = re.compile(r"submission_\w{1,100}")
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ]+(\d\d:\d\d:\d\d)(?:\.(\d{1,6})\d*)? *(Z|UTC|[+-]\d\d:?\d\d)")
_LOADER: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)  # either makes nothing but strings, lists and dicts


@dataclass(frozen=True, slots=True)
class Submitted:
    """What the metadata says of one submission."""

    people: tuple[Person, ...]  # several are a group; at least one, if only by the submission's own name
    created_at: str | None = None  # ISO 8601


def is_submission(folder: str) -> bool:
    return bool(_SUBMISSION.fullmatch(folder))


def parsed(data: bytes, where: str) -> dict[str, Submitted]:
    """The submissions by the names of their folders. Raises UsageError where the file is not Gradescope's."""
    if len(data) > MAX_METADATA_BYTES:
        raise UsageError(f"{where}: expected at most {MAX_METADATA_BYTES >> 20} MiB, found more; export it again")
    try:
        found = _loaded(data.decode("utf-8"))
    except Exception as error:  # a library's, for bytes of any kind
        raise UsageError(f"{where}: can't be read ({type(error).__name__}); export the submissions again") from None
    if not isinstance(found, dict):
        raise UsageError(f"{where}: expected the submissions by their names; export them again")
    about = {name: one for name, one in found.items() if isinstance(name, str) and is_submission(name)}
    return {name: Submitted(_people(one, name), _created_at(one)) for name, one in about.items()}


def _loaded(text: str) -> Any:
    """First without the results of tests, which are most of it; as a whole where an alias leads there."""
    try:
        return yaml.load("".join(_lines_that_matter(text)), Loader=_LOADER)
    except yaml.YAMLError:
        return yaml.load(text, Loader=_LOADER)


def _lines_that_matter(text: str) -> Iterator[str]:
    keep = True
    for line in text.splitlines(keepends=True):
        if line[:1].strip():
            keep = True
        elif re.match(r"  [^\s-]", line):  # Ruby does not indent a list below its key
            keep = line.startswith(("  :submitters:", "  :created_at:"))
        if keep:
            yield line


def _people(about: Any, name: str) -> tuple[Person, ...]:
    found = about.get(":submitters") if isinstance(about, dict) else None
    people = [
        Person(*(_text(one.get(key)) for key in (":sid", ":name", ":email")))
        for one in (found if isinstance(found, list) else [])
        if isinstance(one, dict)
    ]
    return tuple(person for person in people if person != Person()) or (Person(id=name),)


def _text(value: Any) -> str:
    return value.strip()[:300] if isinstance(value, str) and value not in ("null", "~") else ""


def _created_at(about: Any) -> str | None:
    """``2026-02-17 23:21:04.168553000 Z`` as ISO 8601; None where there is no time with a zone."""
    value = about.get(":created_at") if isinstance(about, dict) else None
    if isinstance(value, dict):  # !ruby/object:ActiveSupport::TimeWithZone
        value = value.get("utc")
    found = _TIME.fullmatch(value) if isinstance(value, str) else None
    if not found:
        return None
    day, time, fraction, zone = found.groups()
    try:
        when = datetime.datetime.fromisoformat(f"{day}T{time}{'+00:00' if zone in ('Z', 'UTC') else zone}")
        return when.replace(microsecond=int((fraction or "").ljust(6, "0"))).isoformat()
    except ValueError:
        return None
