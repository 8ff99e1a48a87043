"""Marking blind: every page and file shows pseudonyms, and identities.csv alone says who is who.

What the grader knows of a person is left out: id, name, address, file and folder names. What somebody wrote into a source or
printed is not searched for names.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePath

from grader.report.schema import Grades, Report

FILE = "identities.csv"
FIELDS = ("student", "name", "email", "section", "group", "lms_id", "source")
_SHORTEST = 3  # characters of an id or a file's name that are looked for in texts: shorter ones stand in any text


def masked(report: Report, pseudonym: str) -> Report:
    """The report without its person. The names of its files go from messages, tracebacks, notes and logs as well."""
    path = PurePath(report.source)
    known = sorted({report.student, path.name, path.stem, report.name}, key=len, reverse=True)
    names = [name for name in known if len(name) >= _SHORTEST]

    def cleared(text: str) -> str:
        for name in names:
            text = text.replace(name, pseudonym + (path.suffix if name == path.name else ""))
        return text

    instances = [
        one.model_copy(
            update={
                "message": cleared(one.message),
                "traceback": cleared(one.traceback),
                "log": cleared(one.log),
                "notes": list(map(cleared, one.notes)),
            }
        )
        for one in report.instances
    ]
    nobody = dict.fromkeys(FIELDS, "") | {"student": pseudonym, "name": pseudonym}
    return report.model_copy(
        update={
            **nobody,
            "commit": None,
            "message": cleared(report.message),
            "log": cleared(report.log),
            "notes": list(map(cleared, report.notes)),
            "instances": instances,
        }
    )


def identities(reports: Iterable[Report], pseudonyms: Mapping[str, str]) -> Iterator[str]:
    """The file, a line each: whose pseudonym is whose. Cells are as they are, for programs rather than spreadsheets."""
    yield _line(("pseudonym", *FIELDS))
    for report in reports:
        yield _line((pseudonyms[report.student], *(str(getattr(report, name)) for name in FIELDS)))


def restored(grades: Grades, text: str) -> Grades:
    """Grades of which the persons are known again, from the text of identities.csv. Each keeps the pseudonym as its id."""
    known = {row["pseudonym"]: row for row in csv.DictReader(io.StringIO(text))}
    found = []
    for one in grades.submissions:
        person = known.get(one.student, {})
        found.append(one.model_copy(update={name: person[name] for name in FIELDS if name in person and name != "student"}))
    return grades.model_copy(update={"submissions": found})


def pseudonyms_in(path: Path) -> list[str]:
    """Those of an identities.csv; none where there is no such file. What could be no folder's name is left out."""
    try:
        rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))
    except OSError:
        return []
    return [name for row in rows if (name := row.get("pseudonym") or "").replace("-", "").isalnum()]


def _line(cells: Iterable[str]) -> str:
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n").writerow(cells)
    return out.getvalue()
