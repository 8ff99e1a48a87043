"""What a notebook expects around it: ``get_ipython()`` as exported scripts call it, and widgets that are not there."""

from __future__ import annotations

import builtins
import importlib
import os
import re
import sys
from collections.abc import Callable, Iterable
from typing import Any

_FILE_BACKENDS = ("agg", "cairo", "pdf", "pgf", "ps", "svg", "template")  # matplotlib's that need no screen
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
        elif name == "run":
            self._run(line)
        else:
            self._note(f"the magic %{name} was ignored")

    def _run(self, line: str) -> None:
        """A script or notebook beside this one, in the same names; notebooks have become scripts."""
        folder = os.path.dirname(str(self.user_ns.get("__file__", "")))
        path = os.path.join(folder, os.path.splitext(line)[0] + ".py")
        if not os.path.isfile(path):
            self._note(f"%run {line} was ignored: no such file was handed in")
            return
        with open(path, encoding="utf-8") as file:
            exec(compile(file.read(), path, "exec"), self.user_ns)

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

    system_raw = system

    def __getattr__(self, name: str) -> Nothing:
        if name.startswith("__"):
            raise AttributeError(name)
        return Nothing()


def prepare(sources: Iterable[str], namespace: dict[str, Any], note: Callable[[str], None]) -> None:
    """Offer get_ipython() and display() to the submission, and what works without a screen where it asks for one."""
    text = "\n".join(sources)
    shell = Shell(namespace, note)
    builtins.get_ipython = lambda: shell  # type: ignore[attr-defined]
    builtins.display = _display  # type: ignore[attr-defined]
    if re.search(r"\bIPython\b", text):
        _patch(("IPython", "IPython.core.getipython"), {"get_ipython": lambda: shell})
    if re.search(r"\btqdm\b.*\bnotebook\b|\btqdm_notebook\b", text):
        _use_console_bars()
    if re.search(r"\b(?:matplotlib|mpl)\.use\(|\bimport use\b", text):
        _ignore_screens("matplotlib", "use", note)
    if re.search(r"\bswitch_backend\(", text):
        _ignore_screens("matplotlib.pyplot", "switch_backend", note)


def _display(*objects: object, **_: object) -> None:
    for shown in objects:
        sys.stdout.write(f"{shown!r}\n")


def _ignore_screens(module: str, function: str, note: Callable[[str], None]) -> None:
    """Let a choice of matplotlib's backend pass that would need a screen: it draws into files all the same."""
    try:
        choose = getattr(importlib.import_module(module), function)
    except Exception:  # not installed, or refused: the submission's own import will say so
        return

    def chosen(name: str, *arguments: object, **options: object) -> None:
        if str(name).lower() in _FILE_BACKENDS:
            choose(name, *arguments, **options)
        else:
            note(f"matplotlib's backend {str(name)[:40]!r} was ignored: there is no screen, and figures can be saved to files")

    _patch((module,), {function: chosen})


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
