"""What is printed, and how: one place for untrusted text, progress, and readers that have left."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.style import StyleType

from grader.cli.manners import no_colour
from grader.errors import GraderError
from grader.report import text

DONE, BELOW, USAGE, FAILED = 0, 1, 2, 3  # and 128 + the number of the signal that stopped it: 130 for Ctrl-C


class PlainConsole(Console):
    """Shows text as it stands: what a student wrote is no markup."""

    def __init__(self, stderr: bool = False) -> None:
        super().__init__(
            stderr=stderr,
            markup=False,
            emoji=False,
            highlight=False,
            soft_wrap=True,
            color_system=None if no_colour() else "auto",  # rich itself would leave bold and dim type
        )


class Stopped(BaseException):
    """Ctrl-C, SIGTERM or a closed terminal; typer would give KeyboardInterrupt an end of its own."""

    def __init__(self, number: int) -> None:
        self.number = number


messages = PlainConsole(stderr=True)


def shown(value: str, limit: int) -> str:
    """A student's text on one line of a terminal, with control characters made visible."""
    return text.one_line(value, limit)


def cell(value: str, width: int) -> str:
    line = shown(value, 10_000)
    return line if len(line) <= width else line[: width - 1] + "…"


def counted(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def significant(value: float) -> str:
    """Four significant digits, and never fewer: figures of a column are to be compared."""
    return format(value, "#.4g").rstrip(".")


def tell(message: str, style: StyleType | None = None) -> None:
    """One line on stderr. Nobody has to be there to read it."""
    messages.print(shown(message, 4_000), style=style)


def print_json(written: str) -> None:
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")  # which JSON is, whatever the terminal's locale
    sys.stdout.write(written)


@contextmanager
def answering() -> Iterator[None]:
    """For all that goes to stdout: it is there before anything else is said, and a stdout that is full is told in time."""
    yield
    sys.stdout.flush()


class _Guarded(io.RawIOBase):
    """A standard stream below its buffer: what fails here is told as its own, so that no other file's failure ever is.

    A reader who has seen enough, as in '| head -1', changes nothing; nor does anything that befalls stderr.
    """

    def __init__(self, stream: TextIO, raw: io.RawIOBase, matters: bool) -> None:
        self._stream = stream  # which closes what it has opened once nobody holds it
        self._raw, self._matters = raw, matters

    def write(self, data: Any) -> int | None:
        try:
            return self._raw.write(data)
        except OSError as error:
            self._lead_nowhere()
            if self._matters and not isinstance(error, BrokenPipeError):
                reason = (error.strerror or str(error)).lower()
                raise GraderError(f"standard output can't be written: {reason}; make room, or send it elsewhere") from None
            return len(data)

    def _lead_nowhere(self) -> None:
        """Or the interpreter would try again, and complain, when it ends."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.fileno())
        os.close(nowhere)

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._raw.fileno()

    def isatty(self) -> bool:
        return self._raw.isatty()


def guarded(stream: TextIO, *, matters: bool) -> TextIO:
    """The same stream, none of whose failures can be taken for another file's. Only what ``matters`` fails at all."""
    buffer = getattr(stream, "buffer", None)
    raw = getattr(buffer, "raw", buffer)  # Python's -u leaves the buffer out
    if not isinstance(stream, io.TextIOWrapper) or not isinstance(raw, io.RawIOBase):
        return stream
    return io.TextIOWrapper(
        io.BufferedWriter(_Guarded(stream, raw, matters)),
        encoding=stream.encoding,
        errors="backslashreplace",  # it refuses no character
        line_buffering=stream.line_buffering or not matters,
        write_through=stream.write_through,
    )


@contextmanager
def building(quiet: bool) -> Iterator[Callable[[str, float], None]]:
    """Progress of building instances, shown only once something has to be built."""
    columns = (SpinnerColumn(), TextColumn("building {task.description}"), BarColumn(), TimeElapsedColumn())
    rows: dict[str, Any] = {}
    with Progress(*columns, console=messages, disable=quiet or not messages.is_terminal, transient=True) as progress:

        def on_progress(name: str, done: float) -> None:
            if name not in rows:
                rows[name] = progress.add_task(name, total=1.0)
                if not messages.is_terminal and not quiet:
                    tell(f"building {name} (once; up to a minute)")
            progress.update(rows[name], completed=done)

        yield on_progress


@contextmanager
def waiting(what: str, quiet: bool) -> Iterator[None]:
    if quiet or not messages.is_terminal:
        yield
    else:
        with messages.status(escape(shown(what, 60))):
            yield
