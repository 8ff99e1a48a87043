"""Signals wait where the exception that their handler raises could get lost."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

STOPPING = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


@contextmanager
def held() -> Iterator[None]:
    """Handlers run after the block instead of in it, for imports of libraries that swallow whatever is raised in them."""
    if threading.current_thread() is not threading.main_thread():
        yield  # handlers run in the main thread alone
        return
    came: list[int] = []
    handlers = {number: signal.getsignal(number) for number in STOPPING}
    ours = {number: handler for number, handler in handlers.items() if callable(handler)}
    for stopping in ours:
        signal.signal(stopping, lambda number, _: came.append(number))
    try:
        yield
    finally:
        for stopping, handler in ours.items():
            signal.signal(stopping, handler)
    for number in came[:1]:
        signal.raise_signal(number)
