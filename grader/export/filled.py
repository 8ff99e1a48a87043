"""Grades put into the cells of one column: the same for every LMS."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from grader.export.people import Placed
from grader.export.table import Table, number_in
from grader.report.schema import Report


@dataclass(frozen=True, slots=True)
class Column:
    """Where the grades go."""

    index: int
    title: str
    possible: float | None  # the most that a grade there can be; None where the file does not say
    decimal_mark: str  # "," or "."


@dataclass(frozen=True, slots=True)
class Filled:
    """The new file, and what to tell the person who uploads it."""

    data: bytes
    column: Column
    placed: Placed
    written: int  # cells
    replaced: int  # of those, cells that held another grade
    empty_rows: int  # lines without any submission
    kept: Sequence[tuple[Report, str]] = ()  # lines left as they were, for a reason that the file itself gives
    owed: Sequence[Report] = ()  # not graded: nothing to write yet
    warnings: Sequence[str] = field(default=())

    @property
    def is_complete(self) -> bool:
        """Has every submission's result found its place?"""
        return not self.placed.unplaced and not self.owed


def fill(
    table: Table, column: Column, placed: Placed, rows: int, factor: float, keeps: Callable[[int], str], warnings: Sequence[str]
) -> Filled:
    """Write the points times ``factor``; ``keeps`` says why a row must stay as it is, or nothing. ``rows``: all people's."""
    values: dict[tuple[int, int], str] = {}
    kept: list[tuple[Report, str]] = []
    owed: list[Report] = []
    replaced = 0
    for row, report in sorted(placed.rows.items()):
        reason = keeps(row) or ("" if column.index < len(table.rows[row]) else "the line is too short")
        if reason:
            kept.append((report, reason))
        elif report.points is None:
            owed.append(report)
        else:
            value = report.points * factor
            values[row, column.index] = number(value, column.decimal_mark)
            before = number_in(table.value(row, column.index))
            replaced += before is not None and abs(before - value) > 0.005
    owed += [report for report, _ in placed.unplaced if report.points is None]
    nobody = [one for one in placed.unplaced if one[0].points is not None]
    return Filled(
        table.changed(values),
        column,
        Placed(placed.rows, nobody),
        written=len(values),
        replaced=replaced,
        empty_rows=rows - len(placed.rows),
        kept=kept,
        owed=owed,
        warnings=warnings,
    )


def scaling(column: Column, maxima: Mapping[float, int], scale: bool) -> tuple[float, list[str]]:
    """What points are multiplied by, and a warning where the batch's maximum is not the column's."""
    most = max(maxima, default=0.0)
    if column.possible is None or not most:
        return 1.0, []
    if scale:
        return column.possible / most, []
    if abs(column.possible - most) <= 1e-9:
        return 1.0, []
    differs = f"{column.title!r} is out of {column.possible:g} points, these results are out of {most:g}"
    return 1.0, [f"{differs}: they were written as they are; change the maximum there, or have them scaled with --scale"]


def number(value: float, decimal_mark: str) -> str:
    """All digits, which read back as the same number, and never an exponent, which an LMS may not know."""
    return format(Decimal(repr(float(value))), "f").replace(".", decimal_mark)
