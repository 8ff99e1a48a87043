"""How commands present themselves: the name they were called by, help that fits any width, and colour only where it is wanted."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable
from pathlib import Path

from typer import rich_utils

INSTALLED, KIT, CHECKOUT = "prunegrade", "check.py", "grade.py"
# The installed script has a name of its own, which is what a shell completes; a student's kit has one, which only checks.
NAME = {"prunegrade": INSTALLED, "check": KIT}.get(Path(sys.argv[0]).stem, CHECKOUT)
HELP = {"help_option_names": ["--help", "-h"]}
EXAMPLE = "Example: "


def help_of(command: Callable[..., object]) -> str:
    """A command's docstring for a terminal: a line for each paragraph, which wraps as it must, and its examples, which don't."""
    lines = inspect.cleandoc(command.__doc__ or "").splitlines()
    examples = [as_called(line.removeprefix(EXAMPLE)) for line in lines if line.startswith(EXAMPLE)]
    prose = "\n".join(line for line in lines if not line.startswith(EXAMPLE)).strip()
    paragraphs = [" ".join(paragraph.split()) for paragraph in prose.split("\n\n") if paragraph.strip()]
    shown = [f"{'Examples' if len(examples) > 1 else 'Example'}:", *(f"$ {example}" for example in examples)]
    return "\n\n".join([*paragraphs, "\n".join(shown)])


def as_called(words: str, quote: str = "") -> str:
    """Words that name commands of grade.py, each after ``quote``, with the name that they have here."""
    if NAME == KIT:
        words = words.replace(f"{quote}{CHECKOUT} check", f"{quote}{KIT}")
    return words.replace(f"{quote}{CHECKOUT} ", f"{quote}{INSTALLED if NAME == KIT else NAME} ")


def no_colour() -> bool:
    """https://no-color.org: set, and not to nothing."""
    return bool(os.environ.get("NO_COLOR"))


def tame_help() -> None:
    """Help is plain in pipes, those of CI runners too, and where nobody wants colour it has no bold type either."""
    if no_colour():
        rich_utils.COLOR_SYSTEM = None
    if not os.environ.get("FORCE_COLOR"):
        rich_utils.FORCE_TERMINAL = None
