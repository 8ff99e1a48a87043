"""Which run has which GPU, what it holds of that GPU's memory, and that nothing is left of it before the next one.

The kernel has no limit for a GPU's memory. A run is capped inside, where torch keeps to it and hostile code need not; and
watched from here by the driver's own figures, which end it. Where the driver does not name processes by numbers that mean
something here (in some containers), a GPU has one run at a time, and what is used beyond its baseline is that run's.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from grader import cards
from grader.cards import Card
from grader.errors import GraderError

MIB = 1 << 20
CONTEXT_BYTES = 768 * MIB  # what a process with CUDA and its libraries takes of a GPU before it has allocated anything
_TOLERANCE_BYTES = 64 * MIB
_CLEAN_SECONDS = 20.0  # for the driver to take back the memory of a process that was killed
_LOOK_SECONDS = 0.02


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
        """As many on each as its free memory has room for, if every run takes ``limit_bytes``."""
        cards.keep_open()
        self._look = look or Look()
        self._limit_bytes = limit_bytes
        self._changed = threading.Condition()
        self._on = tuple(on)
        self._taken = dict.fromkeys(self._on, 0)
        self._baseline = {card: self._look.used_bytes(card) for card in self._on}
        each = limit_bytes + CONTEXT_BYTES
        self._room = {card: max(1, (card.memory_bytes - self._baseline[card]) // each) for card in self._on}
        self._names_processes = False

    @property
    def count(self) -> int:
        """Runs at a time, on all GPUs together."""
        return sum(self._room.values())

    @contextmanager
    def one(self) -> Iterator[Seat]:
        """A seat on the GPU with the fewest runs, once there is one. Raises GraderError where that GPU can't be had clean."""
        with self._changed:
            self._changed.wait_for(lambda: any(self._taken[card] < self._room[card] for card in self._on))
            card = min((one for one in self._on if self._taken[one] < self._room[one]), key=self._taken.__getitem__)
            self._taken[card] += 1
            is_first = self._taken[card] == 1
        try:
            if is_first:
                self.await_clean(card)
            yield Seat(card, self._baseline[card])
        finally:
            with self._changed:
                self._taken[card] -= 1
                self._changed.notify_all()

    def watch(self, seat: Seat, warden: int) -> Watch:
        return Watch(self._look, seat, warden, self._limit_bytes, self._holds)

    def learn(self, watch: Sees) -> None:
        """From a run that is known to use its GPU: whether the driver names it. If not, a GPU has one run at a time."""
        self._names_processes = watch.named_bytes() is not None
        if not self._names_processes:
            with self._changed:
                self._room = dict.fromkeys(self._on, 1)

    def await_clean(self, card: Card) -> None:
        """Until no more is used than before the first run. What somebody else's program has taken since is a new baseline."""
        deadline = time.monotonic() + _CLEAN_SECONDS
        while (used := self._look.used_bytes(card)) > self._baseline[card] + _TOLERANCE_BYTES:
            if time.monotonic() > deadline:
                if self._names_processes and self._look.is_only_strangers(card):
                    self._baseline[card] = used
                    return
                left = f"{(used - self._baseline[card]) / MIB:,.0f} MiB of {card}"
                raise GraderError(f"{left} are still in use after the last run there has ended")
            time.sleep(_LOOK_SECONDS)

    def _holds(self, seat: Seat) -> int | None:
        """Bytes of a run that is alone on its GPU; None where it has company or the driver names processes."""
        if self._names_processes or self._room[seat.card] > 1:
            return None
        return max(0, self._look.used_bytes(seat.card) - seat.baseline)


class Sees(Protocol):
    def named_bytes(self) -> int | None: ...


class Watch:
    """One run's GPU memory, seen from outside."""

    def __init__(self, look: Look, seat: Seat, warden: int, limit_bytes: int, alone: Callable[[Seat], int | None]) -> None:
        self._look, self._seat, self._warden, self._alone = look, seat, warden, alone
        self._most = limit_bytes + CONTEXT_BYTES
        self.peak_bytes = 0

    def is_over(self) -> bool:
        """Whether the run holds more than its limit and what CUDA itself takes. Raises GraderError where nobody can tell."""
        held = self.named_bytes()
        if held is None:
            held = self._alone(self._seat) or 0
        self.peak_bytes = max(self.peak_bytes, held)
        return held > self._most

    def named_bytes(self) -> int | None:
        """What the driver says of the warden's descendants; None where it names none of them."""
        own = [held for pid, held in self._look.users(self._seat.card).items() if self._look.descends(pid, self._warden)]
        return sum(own) if own else None


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
        for _ in range(64):
            if pid == ancestor:
                return True
            try:
                pid = int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[1])
            except (OSError, IndexError, ValueError):
                return False
            if pid <= 1:
                return False
        return False
