"""``check --watch``: the same check again whenever the submission's files have changed, with all that it needs kept open.

Ctrl-C between two checks is how a watch ends, and gives the last one's exit status; during a check it is 130 as ever.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from grader.cli.terminal import USAGE, Stopped, answering, tell
from grader.errors import UsageError
from grader.unzip import is_litter

SECONDS = 0.2  # between two looks
_SETTLE_SECONDS = 0.1  # until a second look finds the same: an editor writes in several steps
MOST_FILES = 2_000  # of a folder; further ones are not looked at
_CLEAR = "\x1b[H\x1b[2J\x1b[3J"

State = tuple[tuple[str, int, int, int], ...]  # path, inode, size, time of the last change of each file


def follow(path: Path, once: Callable[[], int], stand_by: Callable[[], None], quiet: bool) -> int:
    """Check once, and again after each change. Returns the last exit status.

    ``once`` makes a check, prints it and returns its exit status; ``stand_by`` prepares the next one.
    """
    seen, started = state(path), time.monotonic()
    status = once()
    while True:
        try:
            if not quiet:
                took = time.monotonic() - started
                tell(f"{time.strftime('%H:%M:%S')}: checked in {took:.2f} s; waiting for a change, Ctrl-C ends")
            stand_by()
            seen = changed(path, seen)
        except Stopped as stopped:
            if stopped.number != signal.SIGINT:
                raise
            return status
        started = time.monotonic()
        _part()
        try:
            status = once()
        except UsageError as error:  # such as a folder that holds two submissions for a while
            status = USAGE
            tell(f"{error}")


def _part() -> None:
    """Between two checks: on a terminal the one before is cleared away, elsewhere an empty line parts the two."""
    with answering():
        sys.stdout.write(_CLEAR if sys.stdout.isatty() else "\n")


def changed(path: Path, seen: State) -> State:
    """The next state that is not ``seen`` and stays the same for a moment.

    A file that is missing for a while, as when an editor puts a new one in its place, is waited for.
    """
    before = seen
    while True:
        now = state(path)
        if now and now != seen and now == before:
            return now
        time.sleep(SECONDS if now == before else _SETTLE_SECONDS)
        before = now


def state(path: Path) -> State:
    """What the file system says of the submission's files; empty where it is not there."""
    try:
        if not path.is_dir():
            return (_file(path),)
        return tuple(_file(file) for _, file in zip(range(MOST_FILES), _files(str(path)), strict=False))
    except OSError:  # in the middle of being replaced
        return ()


def _file(path: Path | str) -> tuple[str, int, int, int]:
    found = os.stat(path)
    return str(path), found.st_ino, found.st_size, found.st_mtime_ns


def _files(folder: str) -> Iterator[str]:
    """Those that intake reads, in a fixed order."""
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not is_litter(name))
        yield from (os.path.join(place, name) for name in sorted(files) if not is_litter(name))
