"""How the benchmarks print: a Markdown table for the README, and what it was measured on."""

from __future__ import annotations

import datetime
import os
import platform
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(str(cell) for cell in line)} |" for line in lines)


def environment() -> str:
    """Machine kind and date."""
    cpu = next(
        (line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), platform.machine()
    )
    user = "root" if os.getuid() == 0 else "an ordinary user"
    return (
        f"{len(os.sched_getaffinity(0))} cores of {cpu}, Linux {platform.release().partition('-')[0]}, Python "
        f"{platform.python_version()}, torch {torch.__version__}, as {user}, {datetime.date.today().isoformat()}"
    )


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []
