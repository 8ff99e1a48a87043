"""A GPU that submissions may use and that scores them too: in turns, so that hidden data are never there beside a run."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from grader.errors import GraderError

_SETTLED_SECONDS = 0.05  # for a thread between two runs to come back, before the GPU is thought to be idle


class Sharing:
    """Any number of runs, or the evaluator. As a context manager it is one run's turn; threads wait for theirs."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._most: int | None = None
        self._running = 0
        self._waiting = 0
        self._evaluating = False
        self._closed = False

    def limit(self, runs: int) -> None:
        """No more than so many runs at a time."""
        self._most = runs

    def __enter__(self) -> None:
        with self._changed:
            self._waiting += 1
            try:
                self._changed.wait_for(lambda: self._closed or self._may_run())
                if self._closed:
                    raise GraderError("the evaluator is closed")
                self._running += 1
            finally:
                self._waiting -= 1

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._running -= 1
            self._changed.notify_all()

    def await_turn(self, has_enough: Callable[[], bool]) -> None:
        """Wait until ``has_enough`` says so, or until no run is under way and nobody waits for one."""
        with self._changed:
            while not (self._closed or has_enough()):
                if self._running or self._waiting:
                    self._changed.wait(_SETTLED_SECONDS)
                elif not self._changed.wait_for(lambda: bool(self._closed or self._running or self._waiting), _SETTLED_SECONDS):
                    return

    @contextmanager
    def evaluation(self, vacate: Callable[[], None]) -> Iterator[None]:
        """The evaluator's turn: no further run begins, those under way end, and ``vacate`` ends what stands by for others."""
        with self._changed:
            self._evaluating = True
            self._changed.wait_for(lambda: not self._running)
        try:
            vacate()
            yield
        finally:
            with self._changed:
                self._evaluating = False
                self._changed.notify_all()

    def close(self) -> None:
        """Let nobody wait any longer."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _may_run(self) -> bool:
        return not self._evaluating and (self._most is None or self._running < self._most)
