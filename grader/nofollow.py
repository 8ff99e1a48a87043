"""Opens files and folders by the folder that they lie in: no link is followed, no FIFO blocks, no size is trusted."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def regular(path: Path | str, folder: int | None = None) -> Iterator[BinaryIO]:
    """Open a file of a ``folder`` for reading. Whatever has taken its place meanwhile: no link is followed, no FIFO blocks."""
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise OSError(errno.EINVAL, "it is no longer a file", str(path))
        with open(fd, "rb", closefd=False) as file:
            yield file
    finally:
        os.close(fd)


@contextmanager
def opened_folder(path: Path | str, parent: int | None = None) -> Iterator[int]:
    """A folder held open: what is reached through it stays within it, even if a link takes the place of its name."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=parent)
    try:
        yield fd
    finally:
        os.close(fd)


def is_folder(path: Path) -> bool:
    """A link is none, wherever it leads; ``Path.is_dir`` would go there, and fail where that is forbidden or too long."""
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except OSError:
        return False
