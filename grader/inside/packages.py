"""Holds submissions to the packages that the rubric lists, so that what works for one student works for every grader.

Whatever else happens to be installed beside the grader is as good as not installed. This is a promise to honest students
(the same import works everywhere), not a barrier: nothing that an import could reach is worth anything inside.
"""

from __future__ import annotations

import importlib.machinery
import importlib.metadata
import re
import sys
from collections.abc import Iterable, Sequence
from types import ModuleType

_unlisted: frozenset[str] = frozenset()


def prepare(listed: Iterable[str]) -> None:
    """In the nursery, once: find the installed packages which neither stand in the list nor are needed by one that does."""
    global _unlisted
    needed = _with_requirements(listed)
    tops = importlib.metadata.packages_distributions()
    _unlisted = frozenset(top for top, owners in tops.items() if not any(_canonical(owner) in needed for owner in owners))


def enforce() -> None:
    """In the child, before the submission is imported."""
    sys.meta_path[:] = [_ListedPathFinder if finder is importlib.machinery.PathFinder else finder for finder in sys.meta_path]


class _ListedPathFinder(importlib.machinery.PathFinder):
    """Finds what lies on sys.path, but for unlisted packages: to libraries that look for them they are just not there."""

    @classmethod
    def find_spec(
        cls, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        return None if fullname in _unlisted else super().find_spec(fullname, path, target)


def _with_requirements(names: Iterable[str]) -> set[str]:
    found: set[str] = set()
    pending = list(names)
    while pending:
        name = _canonical(pending.pop())
        if name in found:
            continue
        try:
            requirements = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue
        found.add(name)
        pending += [re.split(r"[^A-Za-z0-9._-]", text, maxsplit=1)[0] for text in requirements if "extra ==" not in text]
    return found


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
