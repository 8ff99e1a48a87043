"""A file that is there as a whole or not at all, so that nobody uploads half of one."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from grader.errors import UsageError, unwritable


@contextmanager
def replacing(path: Path, option: str = "-o") -> Iterator[IO[bytes]]:
    """A file to write to, which takes the place of ``path`` at the end; ``option`` is how the user has named it.

    Raises UsageError where that can't be, GraderError on a full disk.
    """
    temporary = ""
    try:
        if path.exists() and not path.is_file():
            raise UsageError(f"{path}: is not a file, so it can't be written; name another with {option}")
        descriptor, temporary = tempfile.mkstemp(
            prefix=f".{path.name[:60]}.", suffix=".tmp", dir=path.parent
        )  # its owner's alone
        with os.fdopen(descriptor, "wb") as file:
            yield file
        os.replace(temporary, path)
        temporary = ""
    except OSError as error:
        raise unwritable(path, error, instead=f"name another file with {option}") from None
    finally:
        if temporary:
            Path(temporary).unlink(missing_ok=True)
