"""The table that a batch ends with on a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from grader.cli.terminal import PlainConsole, cell, significant
from grader.report.lines import Line
from grader.report.schema import About, Report

MOST_ROWS = 500  # of a larger batch the verdicts are counted; its pages have the rows
REFERENCE = "(reference)"  # no student is called so
HEAD = f"{'verdict':13}  {'points':>12}  {'sparsity':>8}  {'error':>8}  reason"


def print_table(reports: Iterable[Report], about: About) -> None:
    """A row for each submission, and one for the reference."""
    console = PlainConsole()
    lines = [(Line.of(one), one.max_points) for one in reports]
    if len(lines) > MOST_ROWS:
        _print_counts(console, [line for line, _ in lines])
        lines = []
    reference = about.reference
    own = [(replace(Line.of(reference), student=REFERENCE), reference.max_points)] if reference else []
    shown = [*lines, *own]
    width = min(32, max(len("student"), *(len(line.student) for line, _ in shown))) if shown else len("student")
    console.print(f"{'student':{width}}  {HEAD}", style="bold")
    for place, (line, most) in enumerate(shown):
        text = _row(line, most, width)
        room = max(20, console.width - len(text)) if console.is_terminal else 300
        style = "dim" if place >= len(lines) else "" if line.verdict == "graded" else "yellow"
        console.print((text + cell(line.message, room)).rstrip(), style=style)


def _row(line: Line, most: float, width: int) -> str:
    points = "-" if line.points is None else f"{line.points:.3f} of {most:g}"
    sparsity = "" if line.sparsity is None else f"{line.sparsity:.4f}"
    error = "" if line.mse is None else significant(line.mse)
    return f"{cell(line.student, width):{width}}  {line.verdict:13}  {points:>12}  {sparsity:>8}  {error:>8}  "


def _print_counts(console: PlainConsole, lines: list[Line]) -> None:
    counts = Counter(line.verdict for line in lines).most_common()
    console.print(f"{len(lines):,} submissions: {', '.join(f'{count:,} {verdict}' for verdict, count in counts)}")
