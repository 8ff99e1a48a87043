"""What a notebook expects around it: ``get_ipython()`` as exported scripts call it, and widgets that are not there."""

from __future__ import annotations

import builtins
import importlib
import re
import sys
from collections.abc import Callable, Iterable
from typing import Any

_BODY_MAGICS = ("time", "timeit", "capture", "prun")  # magics that run their cell as Python


class Nothing:
    """Any attribute, any call, no effect: libraries register their hooks here (shell.events.register(...))."""

    def __call__(self, *_: object, **__: object) -> None:
        return None

    def __getattr__(self, name: str) -> Nothing:
        if name.startswith("__"):
            raise AttributeError(name)
        return self


class Shell:
    """Stands in for IPython's shell: magics that run Python run it, all others do nothing and are noted."""

    def __init__(self, namespace: dict[str, Any], note: Callable[[str], None]) -> None:
        self.user_ns = namespace
        self._note = note

    def run_line_magic(self, name: str, line: str = "", *_: object, **__: object) -> None:
        if name == "time":
            exec(line, self.user_ns)
        else:
            self._note(f"the magic %{name} was ignored")

    def run_cell_magic(self, name: str, line: str = "", cell: str = "", *_: object, **__: object) -> None:
        if name in _BODY_MAGICS:
            exec(cell, self.user_ns)
        else:
            self._note(f"the magic %%{name} was ignored")

    def magic(self, text: str) -> None:
        name, _, line = text.lstrip("%").partition(" ")
        self.run_line_magic(name, line)

    def system(self, *_: object, **__: object) -> None:
        self._note("a shell command was ignored")

    def getoutput(self, *_: object, **__: object) -> list[str]:
        self._note("a shell command was ignored")
        return []

    getoutput_split = system_raw = system

    def __getattr__(self, name: str) -> Nothing:
        if name.startswith("__"):
            raise AttributeError(name)
        return Nothing()


def prepare(sources: Iterable[str], namespace: dict[str, Any], note: Callable[[str], None]) -> None:
    """Offer get_ipython() to the submission, and console progress bars where it asks for a notebook's."""
    text = "\n".join(sources)
    shell = Shell(namespace, note)
    builtins.get_ipython = lambda: shell  # type: ignore[attr-defined]
    if re.search(r"\bIPython\b", text):
        _patch(("IPython", "IPython.core.getipython"), {"get_ipython": lambda: shell})
    if re.search(r"\btqdm\b.*\bnotebook\b|\btqdm_notebook\b", text):
        _use_console_bars()


def _use_console_bars() -> None:
    try:
        console = importlib.import_module("tqdm.std")
    except ImportError:
        return
    bars = {"tqdm": console.tqdm, "trange": console.trange, "tqdm_notebook": console.tqdm, "tnrange": console.trange}
    _patch(("tqdm.notebook",), bars)
    _patch(("tqdm",), {name: bars[name] for name in ("tqdm_notebook", "tnrange")})


def _patch(modules: Iterable[str], replacements: dict[str, object]) -> None:
    for name in modules:
        try:
            module = importlib.import_module(name)
        except Exception:  # not installed, or refused: the submission's own import will say so
            continue
        for attribute, value in replacements.items():
            setattr(module, attribute, value)
        sys.modules[name] = module
