"""Runs of tokens that two submissions share.

Fingerprints are hashes of all runs of K tokens, as in Schleimer, Wilkerson and Aiken, Winnowing: Local Algorithms for Document
Fingerprinting (SIGMOD 2003). Winnowing itself keeps a part of them, for collections of millions; a class is small enough to
keep all, so no common run of K tokens is missed. Passages are then matched token by token, the longest first where one starts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

K = 20  # tokens: two to four lines
CANDIDATES = 8  # places in the other submission that a passage is tried at

Codes = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Passage:
    """A run of tokens that stands in both, by its first token in each."""

    first: int
    second: int
    length: int


def fingerprints(codes: Codes) -> Hashes:
    """The hash of each run of K tokens, by its first token. The same on every machine and in every process."""
    runs = max(0, len(codes) - K + 1)
    mixed = _mixed(codes)
    found = np.zeros(runs, dtype=np.uint64)
    base = np.uint64(0x9E3779B97F4A7C15)
    for place in range(K):
        found = found * base + mixed[place : place + runs]
    return found


def own_tokens(codes: Codes, hashes: Hashes, others: Hashes) -> Flags:
    """Which tokens stand in no run that is among ``others`` (sorted, unique)."""
    return ~_covered(np.flatnonzero(np.isin(hashes, others, assume_unique=False)), len(codes))


def own_runs(own: Flags) -> Flags:
    """By their first tokens, the runs of K tokens that are all one's own."""
    before = np.concatenate([[0], np.cumsum(own)])
    return np.asarray(before[K:] - before[:-K] == K) if len(own) >= K else np.zeros(0, dtype=np.bool_)


def comparable(own: Flags) -> Flags:
    """Own tokens without the stretches between others' that are too short to be a passage."""
    return _covered(np.flatnonzero(own_runs(own)), len(own))


class Indexed:
    """A submission's own tokens with the places of its fingerprints."""

    def __init__(self, codes: Codes, hashes: Hashes, own: Flags) -> None:
        self.own_count = int(own.sum())
        self.codes = np.where(own, codes, -1).tolist()
        self.hashes = hashes.tolist()
        self.runs = own_runs(own).tolist()
        self.places: dict[int, list[int]] = defaultdict(list)
        for place, (value, is_own) in enumerate(zip(self.hashes, self.runs, strict=True)):
            if is_own and len(found := self.places[value]) < CANDIDATES:
                found.append(place)


def shared(first: Indexed, second: Indexed) -> list[Passage]:
    """Passages of at least K own tokens, in the first one's order; no token is in two of them."""
    found: list[Passage] = []
    taken = bytearray(len(second.codes))
    place = 0
    while place < len(first.runs):
        best = Passage(0, 0, 0)
        if first.runs[place]:
            for other in second.places.get(first.hashes[place], ()):
                length = _length(first.codes, place, second.codes, other, taken)
                if length > best.length:
                    best = Passage(place, other, length)
        if best.length >= K:
            found.append(best)
            taken[best.second : best.second + best.length] = b"\1" * best.length
            place += best.length
        else:
            place += 1
    return found


def _length(first: Sequence[int], place: int, second: Sequence[int], other: int, taken: bytearray) -> int:
    """How many tokens are the same from there on, none of them taken, all of them the submission's own."""
    most = min(len(first) - place, len(second) - other)
    length = 0
    while length < most and first[place + length] == second[other + length] >= 0 and not taken[other + length]:
        length += 1
    return length


def _covered(places: npt.NDArray[np.intp], count: int) -> Flags:
    """The tokens of the runs that begin at these places."""
    edges = np.zeros(count + 1, dtype=np.int64)
    np.add.at(edges, places, 1)
    np.add.at(edges, np.minimum(places + K, count), -1)
    return np.asarray(np.cumsum(edges[:-1]) > 0)


def _mixed(codes: Codes) -> Hashes:
    """The numbers spread over 64 bits (the finaliser of SplitMix64)."""
    mixed = codes.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    return mixed ^ (mixed >> np.uint64(31))
