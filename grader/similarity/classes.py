"""A whole class: who handed in the same, and which pairs share most. Everything is worked out, nothing is judged."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from grader.similarity.entries import Entry
from grader.similarity.passages import Codes, Hashes, Indexed, K, Passage, comparable, fingerprints, own_runs, own_tokens
from grader.similarity.passages import shared as shared_passages
from grader.similarity.tokens import MAX_TOKENS, Tokens, TooSlowError, Vocabulary, tokens_of

LEAST_TOKENS = 3 * K  # that a pair must share to be listed
COMMON = 10  # submissions: a run in more than these is common knowledge; in large classes, a tenth of them
LOOKED_AT = 4  # times as many pairs are compared token by token as are shown

KEPT = 16  # submissions with the places of their fingerprints in memory: the largest take 10 MB each
NO_HASHES: Hashes = np.zeros(0, dtype=np.uint64)

Watch = Callable[[int], object]  # told how many sources have been read


@dataclass(frozen=True, slots=True)
class Pair:
    """Two submissions with what they share."""

    first: int  # place among the entries
    second: int
    passages: tuple[Passage, ...]
    first_share: float  # 0..1, of its own tokens
    second_share: float

    similarity: float  # 0..1, of the own tokens of both

    @property
    def shared(self) -> int:
        return sum(one.length for one in self.passages)

    @property
    def longest(self) -> int:
        return max(one.length for one in self.passages)


@dataclass(frozen=True, slots=True)
class Found:
    """What a class has in common. Numbers are places among the entries."""

    entries: Sequence[Entry]
    tokens: Sequence[Tokens | None]  # None where a submission could not be compared
    problems: dict[int, str]
    same_files: Sequence[tuple[int, ...]]
    same_code: Sequence[tuple[int, ...]]  # from different files; of each, the first stands for the others in pairs
    same_weights: Sequence[tuple[int, ...]]  # from different code
    pairs: Sequence[Pair]
    usual: tuple[float, float]  # median and 99th percentile of all pairs' similarity, by their different runs
    compared: int  # submissions
    common: int  # a run in more than so many submissions was left out


def compare(
    entries: Sequence[Entry], templates: Sequence[str], *, least: float, most: int, on_read: Watch = lambda done: None
) -> Found:
    """Pairs that share a part of at least ``least`` (0..1) of one's own tokens; the ``most`` that share most, in that order."""
    problems: dict[int, str] = {place: entry.problem for place, entry in enumerate(entries) if entry.problem}
    words = Vocabulary()
    tokens = _read(entries, words, problems, on_read)
    class_ = _Class(tokens, [tokens_of([(0, text)], words) for text in templates])
    for place, own in enumerate(class_.own):
        if tokens[place] is not None and not own.any() and place not in problems:
            problems[place] = "there is nothing in it but what was given, or too little to compare"
    same_files = _groups([entry.sha256 for entry in entries])
    same_code = _groups([class_.stream(place) if place not in problems else None for place in range(len(entries))])
    chosen = _representatives(len(entries), same_code, problems)
    common = max(COMMON, len(chosen) // 10)
    class_.leave_out_common(chosen, common)
    shares = _shares(class_, chosen)
    different = [group for group in same_code if len({entries[place].sha256 for place in group}) > 1]
    doubles = [_two_files(entries, group) for group in different]
    for first, second in doubles:
        class_.own[second] = class_.own[first]
    return Found(
        entries=entries,
        tokens=tokens,
        problems=problems,
        same_files=same_files,
        same_code=different,
        same_weights=_same_weights(entries, same_code),
        pairs=_pairs(class_, doubles, shares, least, most),
        usual=_usual(shares, len(chosen)),
        compared=len(entries) - len(problems),
        common=common,
    )


def _read(entries: Sequence[Entry], words: Vocabulary, problems: dict[int, str], on_read: Watch) -> list[Tokens | None]:
    tokens: list[Tokens | None] = []
    for place, entry in enumerate(entries):
        try:
            tokens.append(None if entry.problem else tokens_of(entry.files, words))
        except TooSlowError:
            tokens.append(None)
            problems[place] = "reading its source takes too long; look at it yourself"
        on_read(place + 1)
    return tokens


class _Class:
    """Codes, fingerprints and own tokens of each submission, of those without tokens empty ones."""

    def __init__(self, tokens: Sequence[Tokens | None], given: Sequence[Tokens]) -> None:
        self.codes = [_codes(one or Tokens()) for one in tokens]
        self.hashes = [fingerprints(codes) for codes in self.codes]
        known = np.unique(np.concatenate([NO_HASHES, *(fingerprints(_codes(one)) for one in given)]))
        both = zip(self.codes, self.hashes, strict=True)
        self.own = [comparable(own_tokens(codes, hashes, known)) for codes, hashes in both]

    def stream(self, place: int) -> str | None:
        """What two submissions have in common whose code is the same."""
        return self.codes[place].tobytes().hex() if len(self.codes[place]) else None

    def runs(self, place: int) -> Hashes:
        """The different fingerprints of its own tokens, sorted."""
        return np.unique(self.hashes[place][own_runs(self.own[place])])

    def leave_out_common(self, chosen: Sequence[int], most: int) -> None:
        """What stands in more than ``most`` of the chosen submissions is nobody's own."""
        every = [self.runs(place) for place in chosen]
        hashes, counts = np.unique(np.concatenate([NO_HASHES, *every]), return_counts=True)
        common = hashes[counts > most]
        for place in chosen:
            own = self.own[place] & own_tokens(self.codes[place], self.hashes[place], common)
            self.own[place] = comparable(own)


def _codes(tokens: Tokens) -> Codes:
    return np.frombuffer(tokens.codes, dtype=np.int64) if tokens.codes else np.zeros(0, dtype=np.int64)


def _groups(marks: Sequence[str | None]) -> list[tuple[int, ...]]:
    places: dict[str, list[int]] = defaultdict(list)
    for place, mark in enumerate(marks):
        if mark:
            places[mark].append(place)
    return [tuple(found) for found in places.values() if len(found) > 1]


def _representatives(count: int, groups: Sequence[tuple[int, ...]], problems: dict[int, str]) -> list[int]:
    doubles = {place for group in groups for place in group[1:]}
    return [place for place in range(count) if place not in doubles and place not in problems]


def _same_weights(entries: Sequence[Entry], same_code: Sequence[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """Groups that are not told of already: the same code gives the same weights."""
    known = [set(group) for group in same_code]
    return [group for group in _groups([entry.weights for entry in entries]) if not any(set(group) <= one for one in known)]


def _shares(class_: _Class, chosen: Sequence[int]) -> dict[tuple[int, int], tuple[float, float]]:
    """For each pair that shares a run: what part of both ones' different runs that is, and what part of the smaller one's."""
    runs = [class_.runs(place) for place in chosen]
    sizes = np.array([len(one) for one in runs], dtype=np.int64)
    owners = np.repeat(np.arange(len(chosen)), sizes)
    every = np.concatenate([NO_HASHES, *runs])
    order = np.argsort(every, kind="stable")
    every, owners = every[order], owners[order]
    found: dict[tuple[int, int], tuple[float, float]] = {}
    for number, own in enumerate(runs):
        counts = np.bincount(_owners_of(own, every, owners), minlength=len(chosen))
        for other in (np.flatnonzero(counts[number + 1 :]) + number + 1).tolist():
            count, both = int(counts[other]), (int(sizes[number]), int(sizes[other]))
            found[chosen[number], chosen[other]] = (2 * count / sum(both), count / min(both))
    return found


def _owners_of(own: Hashes, every: Hashes, owners: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    """Who has these runs, once for each run and owner."""
    starts, ends = np.searchsorted(every, own, "left"), np.searchsorted(every, own, "right")
    counts = ends - starts
    within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    found: npt.NDArray[np.intp] = owners[np.repeat(starts, counts) + within]
    return found


def _two_files(entries: Sequence[Entry], group: tuple[int, ...]) -> tuple[int, int]:
    """Two with the same code, to be shown side by side: the first, and the first whose file is another one."""
    return group[0], next(place for place in group if entries[place].sha256 != entries[group[0]].sha256)


def _pairs(
    class_: _Class,
    doubles: Sequence[tuple[int, int]],
    shares: dict[tuple[int, int], tuple[float, float]],
    least: float,
    most: int,
) -> list[Pair]:
    """The most similar of both first, and not those of which a short one's few lines stand in many."""
    likely = [pair for pair, (_, of_smaller) in shares.items() if of_smaller >= least / 2]
    likely = sorted(likely, key=lambda pair: (-shares[pair][0], pair))[: LOOKED_AT * most]

    @lru_cache(KEPT)
    def indexed(place: int) -> Indexed:
        return Indexed(class_.codes[place], class_.hashes[place], class_.own[place])

    found = []
    for first, second in [*doubles[:most], *likely]:
        one, other = indexed(first), indexed(second)
        if not one.own_count:  # all of it is common
            continue
        passages = tuple(shared_passages(one, other))
        total = sum(passage.length for passage in passages)
        both = one.own_count + other.own_count
        pair = Pair(first, second, passages, total / one.own_count, total / other.own_count, 2 * total / both)
        if total >= LEAST_TOKENS and max(pair.first_share, pair.second_share) >= least:
            found.append(pair)
    return sorted(found, key=lambda pair: (-pair.similarity, -pair.shared, pair.first, pair.second))[:most]


def _usual(shares: dict[tuple[int, int], tuple[float, float]], count: int) -> tuple[float, float]:
    every = np.zeros(max(1, count * (count - 1) // 2))
    every[: len(shares)] = [similarity for similarity, _ in shares.values()]
    return float(np.quantile(every, 0.5)), float(np.quantile(every, 0.99))


def is_cut(found: Found, place: int) -> bool:
    """Has only the beginning of a submission been compared?"""
    tokens = found.tokens[place]
    return found.entries[place].cut or bool(tokens and len(tokens.codes) >= MAX_TOKENS)
