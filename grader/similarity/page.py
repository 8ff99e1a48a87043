"""The page for the instructor: groups, pairs side by side, and the reminder that none of it proves anything."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from grader.report.html import page
from grader.report.text import clean
from grader.rubric import Rubric
from grader.similarity.classes import Found, Pair, is_cut
from grader.similarity.entries import Entry
from grader.similarity.passages import K
from grader.similarity.tokens import Tokens

SHOWN = 60_000  # characters of one side
COLOURS = 6
CONTEXT = 4  # lines


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of source; ``number`` is that of the passage it belongs to, which both sides share."""

    text: str
    number: int | None = None
    lines_left_out: int = 0  # before the text

    @property
    def colour(self) -> int:
        return (self.number or 0) % COLOURS


@dataclass(frozen=True, slots=True)
class Side:
    label: str
    share: float  # 0..1
    pieces: tuple[Piece, ...]
    is_cut: bool  # its end is not shown


@dataclass(frozen=True, slots=True)
class Shown:
    """A pair as the page shows it."""

    pair: Pair
    sides: tuple[Side, Side]


def similarity_page(found: Found, template_names: Sequence[str], least: float) -> str:
    """The whole page, one file without scripts."""
    labels = [entry.label for entry in found.entries]
    doubles = {group[0]: len(group) - 1 for group in found.same_code}

    def named(groups: Sequence[tuple[int, ...]]) -> list[list[str]]:
        return [[labels[place] for place in group] for group in groups]

    weights = zip(named(found.same_weights), (found.entries[group[0]].all_zero for group in found.same_weights), strict=True)
    return page(
        "similarity.html",
        None,
        rubric=Rubric(),  # the page quotes nothing of it
        found=found,
        pairs=[_shown(pair, found) for pair in found.pairs],
        doubles={labels[place]: count for place, count in doubles.items()},
        same_files=named(found.same_files),
        same_code=named(found.same_code),
        same_weights=list(weights),
        problems=[(labels[place], problem) for place, problem in sorted(found.problems.items())],
        cut=[labels[place] for place in range(len(labels)) if place not in found.problems and is_cut(found, place)],
        templates=template_names,
        least=least,
        length=K,
    )


def _shown(pair: Pair, found: Found) -> Shown:
    spans = sorted(pair.passages, key=lambda passage: passage.first)
    first = [(passage.first, passage.length, number) for number, passage in enumerate(spans, 1)]
    second = sorted((passage.second, passage.length, number) for number, passage in enumerate(spans, 1))
    sides = [
        _side(found.entries[place], found.tokens[place], runs, share)
        for place, runs, share in ((pair.first, first, pair.first_share), (pair.second, second, pair.second_share))
    ]
    return Shown(pair, (sides[0], sides[1]))


def _side(entry: Entry, tokens: Tokens | None, runs: Sequence[tuple[int, int, int]], share: float) -> Side:
    assert tokens is not None  # only compared submissions are in pairs
    spans = [(tokens.starts[first], tokens.ends[first + length - 1], number) for first, length, number in runs]
    return Side(entry.label, share, tuple(_pieces(entry.text[:SHOWN], spans)), len(entry.text) > SHOWN)


def _pieces(text: str, spans: Sequence[tuple[int, int, int]]) -> Iterator[Piece]:
    """The text cut at the passages' ends, with control characters made visible."""
    place = 0
    for start, end, number in spans:
        for stretch, its in ((text[place:start], None), (text[start:end], number)):
            if its:
                yield Piece(clean(stretch, sys.maxsize), its)
            elif stretch:
                yield from _around(stretch, at_start=not place)
        place = end
    if text[place:]:
        yield from _around(text[place:], at_end=True)


def _around(text: str, *, at_start: bool = False, at_end: bool = False) -> Iterator[Piece]:
    """What stands between passages: of many lines, only those next to one."""
    lines = text.splitlines(keepends=True)
    before, after = 0 if at_start else CONTEXT, 0 if at_end else CONTEXT
    left_out = len(lines) - before - after
    if left_out <= CONTEXT:
        yield Piece(clean(text, sys.maxsize))
        return
    if before:
        yield Piece(clean("".join(lines[:before]), sys.maxsize))
    yield Piece(clean("".join(lines[len(lines) - after :]), sys.maxsize), lines_left_out=left_out)
