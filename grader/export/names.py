"""What Canvas and Moodle write into the names of downloaded files: who handed it in, and what an upload needs to find them.

The forms are those of Canvas's lib/content_zipper.rb and Moodle's mod/assign/classes/downloader.php.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from grader.report.schema import Report

# The first pair of numbers between underscores is Canvas's: names before it hold none, the student's file name follows it.
_CANVAS = re.compile(r"(?P<prefix>(?:(?P<name>(?!LATE_|\d+_\d+_).+?)_)?(?:LATE_)?(?P<user>\d+)_(?P<attachment>\d+))_(?P<file>.+)")
_MOODLE = re.compile(r"(?P<name>[^_]+)_(?P<id>\d+)_assign(?:submission|feedback)_[a-z]+(?:_.*)?")


@dataclass(frozen=True, slots=True)
class Downloaded:
    """What the name of a downloaded file or folder says."""

    id: str  # Canvas: of the user; Moodle: of the participant, which holds for this one assignment
    name: str  # Canvas: in lower case without spaces; Moodle: the full name. May be empty
    prefix: str  # what the name of returned feedback must begin with


def canvas(report: Report) -> Downloaded | None:
    """From ``doejane_4711_90210_prune.py``; None where no part of the path has that form, as in anonymous downloads."""
    found = _first(_CANVAS, report)
    return Downloaded(found["user"], found["name"] or "", found["prefix"]) if found else None


def moodle(report: Report) -> Downloaded | None:
    """From ``Jane Doe_4711_assignsubmission_file``; None where no part of the path has that form."""
    found = _first(_MOODLE, report)
    return Downloaded(found["id"], found["name"], f"{found['name']}_{found['id']}") if found else None


def _first(form: re.Pattern[str], report: Report) -> re.Match[str] | None:
    """In the outermost part that has the form: what lies deeper was named by the student."""
    parts = [*PurePosixPath(report.source).parts, report.name]
    return next((found for part in parts if (found := form.fullmatch(part))), None)
