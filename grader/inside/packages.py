"""Holds submissions to the packages that the rubric lists, so that what works for one student works for every grader.

Whatever else happens to be installed beside the grader is as good as not installed, and no file of a submission takes a
library's place. This is a promise to honest students (the same import gives the same module everywhere), not a barrier:
nothing that an import could reach is worth anything inside.
"""

from __future__ import annotations

import importlib.machinery
import importlib.metadata
import os
import re
import sys
from collections.abc import Iterable, Sequence
from types import ModuleType

_listed: frozenset[str] = frozenset({"assignment"})  # top-level names, with those of what listed packages need
_unlisted: frozenset[str] = frozenset()
_library_folders: tuple[str, ...] = ()


def prepare(listed: Iterable[str]) -> None:
    """In the nursery, once: part the installed packages into those that the list names or needs, and all others."""
    global _listed, _unlisted
    needed = _with_requirements(listed)
    tops = importlib.metadata.packages_distributions()
    _listed |= {top for top, owners in tops.items() if any(_canonical(owner) in needed for owner in owners)}
    _unlisted = frozenset(tops) - _listed


def enforce(own_folders: Iterable[str]) -> None:
    """In the child, before the submission is imported: its folders come last, and ``is_library`` says for which names."""
    global _library_folders
    _library_folders = tuple(sys.path)
    folders = list(dict.fromkeys(own_folders))
    sys.path += folders
    own = {entry.partition(".")[0] for folder in folders for entry in os.listdir(folder)}
    for name in list(sys.modules):  # what a library has imported ahead of the submission, and no submission should see
        top = name.partition(".")[0]
        if top in own and not is_library(top):
            del sys.modules[name]
    sys.meta_path[:] = [_Finder if finder is importlib.machinery.PathFinder else finder for finder in sys.meta_path]


def is_library(name: str) -> bool:
    """Whether ``import name`` gives a library's module even where the submission has a file of that name."""
    return name in sys.stdlib_module_names or name in _listed


class _Finder(importlib.machinery.PathFinder):
    """Finds what lies on sys.path, but for unlisted packages: to libraries that look for them they are just not there.

    What is no library's name is looked for in the submission first: Python's own ``test`` is nobody's wish.
    """

    @classmethod
    def find_spec(
        cls, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        find = super().find_spec
        if path is not None:
            return find(fullname, path, target)
        own = [folder for folder in sys.path if folder not in _library_folders]
        places = (_library_folders, own) if is_library(fullname) else (own, () if fullname in _unlisted else _library_folders)
        return next(filter(None, (find(fullname, folders, target) for folders in places)), None)


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
