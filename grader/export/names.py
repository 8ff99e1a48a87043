"""What Canvas and Moodle write into the names of downloaded files: who handed it in, and what an upload needs to find them.

The forms are those of Canvas's lib/content_zipper.rb and Moodle's mod/assign/classes/downloader.php.
"""

from __future__ import annotations

import os
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath

from grader.report.schema import Report

# The first pair of numbers between underscores is Canvas's: names before it hold none, the student's file name follows it.
_CANVAS = re.compile(r"(?P<prefix>(?:(?!LATE_|\d+_\d+_).+?_)?(?:LATE_)?(?P<user>\d+)_(?P<attachment>\d+))_(?P<file>.+)")
_MOODLE = re.compile(r"(?P<name>[^_]+)_(?P<id>\d+)_assign(?:submission|feedback)_[a-z]+(?:_.*)?")


@dataclass(frozen=True, slots=True)
class Downloaded:
    """What the name of a downloaded file or folder says."""

    id: str  # Canvas: of the user; Moodle: of the participant, which holds for this one assignment, or of a group
    name: str  # Moodle: the full name. May be empty
    prefix: str  # what the name of returned feedback must begin with


def canvas(report: Report) -> Downloaded | None:
    """From ``doejane_4711_90210_prune.py``; None where no part of the path has that form, as in anonymous downloads.

    The name in it, in lower case and without spaces, tells nothing that the number does not. Of somebody who handed in
    several files, the path names none of them: then the prefix is empty.
    """
    found = _first(_CANVAS, report)
    if found:
        return Downloaded(found["user"], "", found["prefix"])
    user = _lms_id(report, "canvas")
    return Downloaded(user, "", "") if user.isdigit() else None


def moodle(report: Report) -> Downloaded | None:
    """From ``Jane Doe_4711_assignsubmission_file``; None where no part of the path has that form."""
    found = _first(_MOODLE, report)
    if found:
        return Downloaded(found["id"], found["name"], f"{found['name']}_{found['id']}")
    participant = _lms_id(report, "moodle")
    return Downloaded(participant, "", "") if participant.isdigit() else None


@cache
def canvas_prefixes(source: str) -> Mapping[str, str]:
    """By user id, what the name of one of their files begins with, in the download that a submission's path leads into."""
    for place in Path(source).parents:
        try:
            if place.is_dir():
                names = sorted(os.listdir(place))
            elif place.is_file():
                with zipfile.ZipFile(place) as archive:
                    names = [name.rpartition("/")[2] for name in archive.namelist()]
            else:
                continue
        except (OSError, zipfile.BadZipFile):
            break
        return {found["user"]: found["prefix"] for name in names if (found := _CANVAS.fullmatch(name))}
    return {}


def _lms_id(report: Report, lms: str) -> str:
    """The number in ``canvas:4711``, where the intake has recorded it."""
    system, _, number = str(report.lms_id).partition(":")
    return number if system == lms else ""


def _first(form: re.Pattern[str], report: Report) -> re.Match[str] | None:
    """In the outermost part that has the form: what lies deeper was named by the student."""
    parts = [*PurePosixPath(report.source).parts, report.name]
    return next((found for part in parts if (found := form.fullmatch(part))), None)
