"""Which run has which GPU, what it holds of that GPU's memory, and that nothing is left of it before the next one.

The kernel has no limit for a GPU's memory. A run is capped inside, where torch keeps to it and hostile code need not; and
watched from here by the driver's own figures, which end it. Where the driver does not name processes by numbers that mean
something here (in some containers), a GPU has one run at a time, and what is used beyond its baseline is that run's.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from grader import cards
from grader.cards import Card
from grader.errors import GraderError, NoGpuError

MIB = 1 << 20
CONTEXT_BYTES = 768 * MIB  # what a process with CUDA and its libraries takes of a GPU before it has allocated anything
_MOST = 4  # runs on a GPU, however much memory it has: they wait for each other's kernels, and waiting takes CPU time
_TOLERANCE_BYTES = 64 * MIB
_CLEAN_SECONDS = 20.0  # for the driver to take back the memory of a process that was killed
_STRANGERS_SECONDS = 2.0  # until others are looked for who may have taken what is still in use
_LOOK_SECONDS = 0.02
_SETTLED_SECONDS = 0.3
_STEADY_SECONDS = 2.0  # what does not change for so long is none of a process that is just ending


@dataclass(frozen=True, slots=True)
class Seat:
    """A run's place on a GPU."""

    card: Card
    baseline: int  # bytes that were used before any run was there

    def share(self, limit_bytes: int) -> float:
        """Of the GPU's memory, that torch may use inside."""
        return min(1.0, limit_bytes / self.card.memory_bytes)


class Seats:
    """Places of runs on some GPUs. All methods may be called from several threads."""

    def __init__(self, on: Sequence[Card], limit_bytes: int, *, look: Look | None = None) -> None:
        """As many on each as its free memory has room for, if every run takes ``limit_bytes``. Raises NoGpuError for none."""
        cards.keep_open()
        self._look = look or Look()
        self._limit_bytes = limit_bytes
        self._context_bytes = CONTEXT_BYTES
        self._changed = threading.Condition()
        self._on = tuple(on)
        self._taken = dict.fromkeys(self._on, 0)
        self._cleaning: set[Card] = set()  # by the first run there, for which others wait
        self.names_processes = False
        self._baseline = {card: self._look.used_bytes(card) for card in self._on}
        self._room = {card: self._room_of(card) for card in self._on}
        for card, room in self._room.items():
            if not room:
                free, needed = (
                    (bytes_ / MIB) for bytes_ in (card.memory_bytes - self._baseline[card], limit_bytes + CONTEXT_BYTES)
                )
                what = f"a run may need {needed:,.0f} MiB (limits.gpu_memory_bytes, and CUDA itself)"
                raise NoGpuError(f"{card} has {free:,.0f} MiB free, and {what}")

    @property
    def count(self) -> int:
        """Runs at a time, on all GPUs together."""
        return sum(max(1, room) for room in self._room.values())

    @contextmanager
    def one(self) -> Iterator[Seat]:
        """A seat on the GPU with the fewest runs, once there is one. Raises GraderError where that GPU can't be had clean."""
        with self._changed:
            self._changed.wait_for(self._with_a_seat)
            card = min(self._with_a_seat(), key=self._taken.__getitem__)
            self._taken[card] += 1
            is_first = self._taken[card] == 1
            if is_first:
                self._cleaning.add(card)
        try:
            if is_first:
                self.await_clean(card)
                self._let_others_in(card)
            yield Seat(card, self._baseline[card])
        finally:
            with self._changed:
                self._taken[card] -= 1
            self._let_others_in(card)

    def _with_a_seat(self) -> list[Card]:
        return [one for one in self._on if one not in self._cleaning and self._taken[one] < max(1, self._room[one])]

    def _let_others_in(self, card: Card) -> None:
        with self._changed:
            self._cleaning.discard(card)
            self._changed.notify_all()

    def _room_of(self, card: Card) -> int:
        each = self._limit_bytes + self._context_bytes
        return min(1 if card.is_exclusive else _MOST, (card.memory_bytes - self._baseline[card]) // each)

    def watch(self, seat: Seat, warden: int) -> Watch:
        return Watch(self, seat, warden)

    def learn(self, watch: Sees) -> None:
        """From a run that uses its GPU and does nothing: what CUDA takes, and whether the driver names processes at all."""
        held = watch.named_bytes()
        self.names_processes = held is not None
        with self._changed:
            self._context_bytes = max(CONTEXT_BYTES, 2 * (held or 0))
            self._room = {card: self._room_of(card) if self.names_processes else 1 for card in self._on}

    def settle(self) -> None:
        """Take what is in use now, once that no longer changes, for what is in use without any run."""
        for card in self._on:
            deadline, used = time.monotonic() + _CLEAN_SECONDS, -1
            while used != (used := self._look.used_bytes(card)) and time.monotonic() < deadline:
                time.sleep(_SETTLED_SECONDS)
            self._baseline[card] = used

    def await_clean(self, card: Card) -> None:
        """Until no more is used than before the first run. What somebody else's program has taken since is a new baseline."""
        started = since = time.monotonic()
        steady = -1
        while (used := self._look.used_bytes(card)) > self._baseline[card] + _TOLERANCE_BYTES:
            now = time.monotonic()
            if abs(used - steady) > _TOLERANCE_BYTES:
                steady, since = used, now
            if self._is_somebody_elses(card, waited=now - started, unchanged=now - since):
                with self._changed:
                    self._baseline[card] = used
                    self._room[card] = self._room_of(card) if self.names_processes else 1
                return
            if now - started > _CLEAN_SECONDS + _STEADY_SECONDS:
                left = f"{(used - self._baseline[card]) / MIB:,.0f} MiB of {card}"
                raise GraderError(f"{left} are still in use after the last run there has ended")
            time.sleep(_LOOK_SECONDS)

    def _is_somebody_elses(self, card: Card, *, waited: float, unchanged: float) -> bool:
        """Whether what is in use is a stranger's: a desktop's, say. Every process of an ended run has ended, too."""
        if self.names_processes:
            return waited > _STRANGERS_SECONDS and self._look.is_only_strangers(card)
        return waited > _CLEAN_SECONDS and unchanged > _STEADY_SECONDS

    def is_over(self, held: int) -> bool:
        """Whether that many bytes are more than a run's limit and what CUDA itself takes."""
        return held > self._limit_bytes + self._context_bytes

    def named_bytes(self, seat: Seat, warden: int) -> int | None:
        own = [held for pid, held in self._look.users(seat.card).items() if self._look.descends(pid, warden)]
        return sum(own) if own else None

    def unnamed_bytes(self, seat: Seat) -> int:
        """Of a run that is alone on its GPU, since the driver names nobody; 0 where it does, for it would have named this one."""
        if self.names_processes or self._room[seat.card] > 1:
            return 0
        return max(0, self._look.used_bytes(seat.card) - seat.baseline)


class Sees(Protocol):
    def named_bytes(self) -> int | None: ...


class Watch:
    """One run's GPU memory, seen from outside."""

    def __init__(self, seats: Seats, seat: Seat, warden: int) -> None:
        self._seats, self._seat, self._warden = seats, seat, warden

    def is_over(self) -> bool:
        """Whether the run holds more than it may. Raises GraderError where the GPU no longer answers."""
        held = self.named_bytes()
        return self._seats.is_over(self._seats.unnamed_bytes(self._seat) if held is None else held)

    def named_bytes(self) -> int | None:
        """What the driver says of the warden's descendants; None where it names none of them."""
        return self._seats.named_bytes(self._seat, self._warden)


class Look:
    """Where the figures come from."""

    def used_bytes(self, card: Card) -> int:
        return cards.used_bytes(card)

    def users(self, card: Card) -> dict[int, int]:
        return dict(cards.users(card))

    def is_only_strangers(self, card: Card) -> bool:
        """Whether no process on it was started by this one."""
        me = int(Path("/proc/self").readlink().name)
        return not any(self.descends(pid, me) for pid in self.users(card))

    def descends(self, pid: int, ancestor: int) -> bool:
        """Whether a process is another one's descendant, as far as /proc shows."""
        while pid > 1 and pid != ancestor:
            try:
                pid = int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[1])
            except (OSError, IndexError, ValueError):
                return False
        return pid == ancestor
