"""Children that are confined and proved already, and wait for a submission: made while earlier ones run.

Confining a child takes longer than many a submission, and most of it is waiting for the kernel; on a machine with a core
to spare it costs a run no time at all.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass

from grader.conversation import Conversation
from grader.errors import GraderError


@dataclass(frozen=True, slots=True)
class Ready:
    """A child that has proved its confinement, with all that was set up for it; ``close`` takes that down again."""

    conversation: Conversation
    layers: tuple[str, ...]
    vintage: object  # of the nursery that it was forked from
    _set_up: ExitStack

    def close(self) -> None:
        self._set_up.close()


class Standby:
    """Keeps as many children ready as runs are under way. All methods may be called from several threads."""

    def __init__(self, prepare: Callable[[], Ready], threads: int = 4) -> None:
        self._prepare = prepare
        self._pool = ThreadPoolExecutor(threads, "standby")
        self._lock = threading.Lock()
        self._coming: list[Future[Ready]] = []
        self._closed = False

    def refill(self, wanted: int) -> None:
        """Start to prepare one more, unless ``wanted`` many are ready or coming."""
        with self._lock:
            if len(self._coming) < wanted and not self._closed:
                self._coming.append(self._pool.submit(self._prepare))

    def take(self, vintage: object) -> Ready | None:
        """One that is ready or soon will be; None where there is none of that vintage."""
        while True:
            with self._lock:
                if not self._coming:
                    return None
                coming = self._coming.pop(0)
            try:
                ready = coming.result()
            except (GraderError, OSError):  # the caller prepares one itself, and learns why it can't be done
                continue
            if ready.vintage == vintage and ready.conversation.waits:
                return ready
            ready.close()

    def drain(self) -> None:
        """End those that are ready or coming; more can be prepared afterwards."""
        while ready := self._any():
            ready.close()

    def close(self) -> None:
        with self._lock:
            self._closed = True
        self.drain()
        self._pool.shutdown()

    def _any(self) -> Ready | None:
        while True:
            with self._lock:
                if not self._coming:
                    return None
                coming = self._coming.pop(0)
            with suppress(Exception):  # whoever needs a child will prepare one and learn why it can't be had
                return coming.result()
