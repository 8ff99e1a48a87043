"""What lies beside the submissions of a folder and is none: a system's litter, an instructor's own files, reports of a batch.

Only a system's litter goes without a word. Of the rest an instructor is told, because it may be somebody's work after all.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

from grader.naming import printable
from grader.nofollow import is_folder
from grader.unzip import is_litter

LEDGER = "ledger.sqlite"
MOST_NAMED = 8

_SOURCE = re.compile(r"\.(?:py|ipynb|zip|py\.txt|ipynb\.txt)$", re.IGNORECASE)
_OWN = re.compile(r"readme|.*\.(?:md|txt|csv|ya?ml)$", re.IGNORECASE | re.DOTALL)


def is_systems(name: str) -> bool:
    """Whether nobody has put it there by hand, such as .DS_Store."""
    return is_litter(name) or name.lower() in {"thumbs.db", "desktop.ini"}


def is_batch_litter(name: str, folder: bool) -> bool:
    """Whether a file beside submissions is an instructor's or a system's; one that is named like a source never is."""
    return is_systems(name) or (not folder and not _SOURCE.search(name) and bool(_OWN.match(name)))


def holds_reports(folder: Path) -> bool:
    """Whether a batch has written its reports there. Where sources lie beside its ledger it is a submission all the same."""
    if not is_folder(folder) or not os.path.lexists(folder / LEDGER):
        return False
    return not any(map(_SOURCE.search, os.listdir(folder)))


def is_no_submission(path: Path) -> bool:
    """Whether something in a folder of submissions is left out of the batch."""
    return is_batch_litter(path.name, is_folder(path)) or holds_reports(path)


def left_out(paths: Iterable[Path]) -> str:
    """What is left out and is more than a system's litter, in words; nothing where there is no such thing."""
    named = [_named(path) for path in sorted(paths) if not is_systems(path.name)]
    more = f" and {len(named) - MOST_NAMED} more" if len(named) > MOST_NAMED else ""
    return ", ".join(named[:MOST_NAMED]) + more


def _named(path: Path) -> str:
    name = printable(path.name)[:60]
    return f"{name}/ (reports)" if holds_reports(path) else name
