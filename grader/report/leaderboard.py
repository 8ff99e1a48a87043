"""The leaderboard that an instructor may show to a class: pseudonyms, points and the plane, nothing else.

A pseudonym follows from the student's id and a key that only the instructor's ``home`` can give: the same in every batch
of a course, and nobody's to guess. Figures are those that each student sees of their own, no finer.
"""

from __future__ import annotations

import hmac
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from grader.report import charts
from grader.report.html import page
from grader.report.lines import Line
from grader.report.student import Figures
from grader.rubric import Rubric

FIRST = (
    "amber azure birch bold brave breezy bright bronze calm cedar clear clever coral cosmic crimson crystal curious dapper "
    "eager early fair fern gentle ginger golden green hazel hardy honest indigo ivory jade jolly keen kind lilac lively lucky "
    "maple marble mellow merry misty modest neat nimble noble olive opal patient pearl plucky polite proud quick quiet rosy ruby "
    "sandy silver steady sunny swift velvet"
).split()
SECOND = (
    "acorn anchor aspen badger beacon beetle bison brook canyon comet condor crane cricket dolphin dune eagle ember falcon finch "
    "fjord forest fox gecko glacier grove harbor hare hawk heron ibis island kestrel kiwi lagoon lantern lark lynx magpie marten "
    "meadow meteor newt orca oriole otter owl panda pebble penguin plover puffin quail raven river robin salmon sparrow spruce "
    "starling stork summit swan tern willow"
).split()


@dataclass(frozen=True, slots=True)
class Place:
    """One line: students with the same points share a rank."""

    rank: int
    pseudonym: str
    points: float


def pseudonyms(students: Sequence[str], key: bytes) -> dict[str, str]:
    """A pseudonym for each id, such as "amber-heron-472": always the same under one key, and no two alike in a batch.

    The few that would be alike (about one pair in eight batches of 1,000) get three more digits each.
    """
    digests = {student: int.from_bytes(hmac.digest(key, student.encode(), "sha256"), "big") for student in students}
    names = {student: _words(digest) for student, digest in digests.items()}
    for attempt in range(1, 64):
        count = Counter(names.values())
        if len(count) == len(names):
            break
        for student, name in names.items():
            if count[name] > 1:
                names[student] = f"{name}-{(digests[student] >> (32 + 3 * attempt)) % 1000:03d}"
    return names


def _words(digest: int) -> str:
    digest, number = divmod(digest, 1000)
    digest, second = divmod(digest, len(SECOND))
    return f"{FIRST[digest % len(FIRST)]}-{SECOND[second]}-{number:03d}"


def leaderboard_page(lines: Sequence[Line], rubric: Rubric, names: Mapping[str, str], assets: str | None = "assets") -> str:
    """The page for students, with ``names`` for them by id. Nothing else that identifies one reaches it, nor any order of ids."""
    figures = [(names[one.student], Figures.of(one, rubric)) for one in lines]
    shown = sorted(
        ((own.points, name, own) for name, own in figures if own.points is not None), key=lambda row: (-row[0], row[1])
    )
    ranks: dict[float, int] = {}
    for place, (value, _, _) in enumerate(shown):
        ranks.setdefault(value, place + 1)
    marks = [
        charts.Mark(name, own.sparsity, own.mse, own.scale_points, "student")
        for _, name, own in shown
        if own.sparsity is not None and own.mse is not None and own.scale_points is not None
    ]
    return page(
        "leaderboard.html",
        assets,
        with_charts=bool(marks),
        rubric=rubric,
        places=[Place(ranks[value], name, value) for value, name, _ in shown],
        plane=charts.figure(charts.plane(marks, rubric)) if marks else None,
    )
