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
    """Shows text as it stands: what a student wrote is no markup, and a reader who has left is the caller's business."""

    def __init__(self, stderr: bool = False) -> None:
        super().__init__(
            stderr=stderr,
            markup=False,
            emoji=False,
            highlight=False,
            soft_wrap=True,
            color_system=None if no_colour() else "auto",  # rich itself would leave bold and dim type
        )

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


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


def tell(message: str, style: StyleType | None = None) -> None:
    """One line on stderr. Nobody has to be there to read it."""
    try:
        messages.print(shown(message, 4_000), style=style)
    except OSError:
        lead_nowhere(sys.stderr)


def print_json(written: str) -> None:
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")  # which JSON is, whatever the terminal's locale
    sys.stdout.write(written)


@contextmanager
def answering() -> Iterator[None]:
    """For all that goes to stdout: a reader who has seen enough, as in '| head -1', changes nothing."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        lead_nowhere(sys.stdout)
    except OSError as error:
        lead_nowhere(sys.stdout)
        raise GraderError(f"standard output can't be written: {(error.strerror or str(error)).lower()}") from None


def lead_nowhere(stream: TextIO) -> None:
    """Or the interpreter would try again, and complain, when it ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


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
                    tell(f"building {name} (once; a few seconds)")
            progress.update(rows[name], completed=done)

        yield on_progress


@contextmanager
def waiting(what: str, quiet: bool) -> Iterator[None]:
    if quiet or not messages.is_terminal:
        yield
    else:
        with messages.status(escape(shown(what, 60))):
            yield
