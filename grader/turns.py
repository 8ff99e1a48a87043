"""Runs side by side, and now and then one alone: where runs share a user, what one of them uses up another lacks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Turns:
    """Any number of runs beside each other, or one alone. Threads wait for their turn."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._running = 0
        self._begun = 0
        self._taken = False  # by one that runs alone, or waits until it does

    @contextmanager
    def beside_others(self) -> Iterator[Callable[[], bool]]:
        """A run that may have company. Yields what says whether it has had any so far."""
        with self._changed:
            self._changed.wait_for(lambda: not self._taken)
            self._running += 1
            self._begun += 1
            met, begun = self._running > 1, self._begun
        try:
            yield lambda: met or self._begun > begun
        finally:
            self._end()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """A run without company: those under way end first, and no other begins."""
        with self._changed:
            self._changed.wait_for(lambda: not self._taken)
            self._taken = True
            self._changed.wait_for(lambda: not self._running)
            self._running += 1
        try:
            yield
        finally:
            self._taken = False
            self._end()

    def _end(self) -> None:
        with self._changed:
            self._running -= 1
            self._changed.notify_all()
