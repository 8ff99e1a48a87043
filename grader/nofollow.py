"""Opens files and folders by the folder that they lie in: no link is followed, no FIFO blocks, no size is trusted.

Windows has neither the flags nor folders that can be held open. There, where nobody's files but one's own are read, a folder
is its path.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

_HOLDS_FOLDERS = os.open in os.supports_dir_fd and hasattr(os, "O_NOFOLLOW")


@contextmanager
def regular(path: Path | str, folder: Any = None) -> Iterator[BinaryIO]:
    """Open a file of a ``folder`` for reading. Whatever has taken its place meanwhile: no link is followed, no FIFO blocks."""
    if not _HOLDS_FOLDERS:
        with open(_within(folder, path), "rb") as file:
            yield file
        return
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise OSError(errno.EINVAL, "it is no longer a file", str(path))
        with open(fd, "rb", closefd=False) as file:
            yield file
    finally:
        os.close(fd)


@contextmanager
def opened_folder(path: Path | str, parent: Any = None) -> Iterator[Any]:
    """A folder held open: what is reached through it stays within it, even if a link takes the place of its name.

    It is what ``regular``, ``opened_folder`` and ``os.scandir`` take: a descriptor, or a path on Windows.
    """
    if not _HOLDS_FOLDERS:
        yield _within(parent, path)
        return
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=parent)
    try:
        yield fd
    finally:
        os.close(fd)


def _within(folder: str | None, path: Path | str) -> str:
    """A path that is no link, in a folder that is a path as well."""
    place = os.path.join(folder, path) if folder else str(path)
    if os.path.islink(place):
        raise OSError(errno.EINVAL, "it is a link", str(path))
    return place


def is_folder(path: Path) -> bool:
    """A link is none, wherever it leads; ``Path.is_dir`` would go there, and fail where that is forbidden or too long."""
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except OSError:
        return False
