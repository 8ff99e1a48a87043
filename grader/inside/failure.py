"""Says in the student's words why a submission failed: a claim for the status record, with a hint where one is known."""

from __future__ import annotations

import builtins
import difflib
import os
import subprocess
import sys
import traceback
import types
from collections.abc import Iterable
from pathlib import Path
from typing import Any

_MESSAGE, _TRACEBACK, _NOTE, _NOTES = 4_000, 24_000, 400, 20  # characters; a record stays far below 64 KiB
_ASSIGNMENT_NAMES = (
    "MLP", "train_loader", "validation_loader", "data_loader", "device", "get_sparsity", "compute_error", "score", "points",
)  # fmt: skip
_MEMORY_WORDS = ("can't allocate memory", "not enough memory", "Cannot allocate memory", "out of memory")


class FailedError(Exception):
    """A failure that was recognised before it became an exception of the submission's own."""

    def __init__(self, claim: str, stage: str, message: str) -> None:
        super().__init__(message)
        self.record: dict[str, Any] = {"claim": claim, "stage": stage, "message": message}


def describe(error: BaseException, stage: str, folder: Path, entry: str, packages: tuple[str, ...]) -> dict[str, Any]:
    """The status record of an exception that left the submission."""
    claim, message = _claim(error, folder, packages)
    frames = [] if claim == "unreadable" else _own_frames(error, folder)
    where = next((line for file, line, _, _ in reversed(frames) if file == entry), None)
    if isinstance(error, SyntaxError) and claim == "unreadable":
        where = error.lineno
    return {
        "claim": claim,
        "stage": stage,
        "message": message,
        "exception": _builtin_name(error),
        "line": where,
        "traceback": _traceback_text(frames, error),
    }


def _claim(error: BaseException, folder: Path, packages: tuple[str, ...]) -> tuple[str, str]:
    text = _text(error)
    if isinstance(error, SystemExit):
        return "exited", f"the submission called sys.exit({error.code!r}) and returned no model"[:_MESSAGE]
    if isinstance(error, SyntaxError) and str(error.filename or "").startswith(str(folder)):
        file = os.path.relpath(str(error.filename), folder)
        return "unreadable", f"{file}, line {error.lineno}: {error.msg}"
    if isinstance(error, MemoryError) or (isinstance(error, RuntimeError | OSError) and any(w in text for w in _MEMORY_WORDS)):
        return "out_of_memory", f"more memory was asked for than limits.memory_bytes in rubric.yaml allows ({text[:300]})"
    hint = _hint(error, folder, packages)
    return "raised", f"{text}; {hint}" if hint else text


def _text(error: BaseException) -> str:
    """The exception as Python prints it, whatever its __str__ does."""
    try:
        message = str(error)
    except BaseException:
        message = "(its message can't be shown)"
    return f"{type(error).__name__}: {message}"[:_MESSAGE] if message else type(error).__name__


def _hint(error: BaseException, folder: Path, packages: tuple[str, ...]) -> str:
    files = {frame.filename for frame in traceback.extract_tb(error.__traceback__)}
    if isinstance(error, ModuleNotFoundError) and error.name:
        top = error.name.partition(".")[0]
        if top not in sys.modules and not (folder / top).exists():
            return f"the package {top!r} is not available here; submissions may import {', '.join(packages)} (allow.packages)"
    if isinstance(error, NameError) and getattr(error, "name", None) in _ASSIGNMENT_NAMES:
        return f"import it: from assignment import {error.name}"
    if isinstance(error, EOFError):
        return "nobody can answer input() while a submission is graded"
    if subprocess.__file__ in files:
        return "submissions can't start programs (allow.exec in rubric.yaml); use Python and the listed packages instead"
    if any(file.endswith(("socket.py", "urllib/request.py", "http/client.py")) for file in files) or _asks_for_socket(error):
        return "submissions run without a network; get data from the module 'assignment'"
    if isinstance(error, PermissionError):
        return "the sandbox denied this; a submission may read and write only its own folder"
    if isinstance(error, FileNotFoundError):
        return "a submission sees only the files handed in with it; get data from the module 'assignment'"
    if isinstance(error, OSError) and error.errno in (27, 28):
        return "files may hold at most limits.file_bytes in rubric.yaml"
    return ""


def _asks_for_socket(error: BaseException) -> bool:
    return isinstance(error, OSError) and type(error).__module__ in ("socket", "urllib.error")


def _own_frames(error: BaseException, folder: Path) -> list[tuple[str, int, str, str]]:
    """(file, line, function, source line) of the frames that lie in the submission, outermost first."""
    root = f"{folder}{os.sep}"
    return [
        (frame.filename.removeprefix(root), frame.lineno or 0, frame.name, frame.line or "")
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename.startswith(root)
    ]


def _traceback_text(frames: Iterable[tuple[str, int, str, str]], error: BaseException) -> str:
    lines = [f"{file}, line {line}, in {function}\n    {source}" for file, line, function, source in frames]
    if len(lines) > 30:  # deep recursion repeats itself
        lines = [*lines[:10], f"... {len(lines) - 20} more calls ...", *lines[-10:]]
    if isinstance(error, SyntaxError):
        try:
            return str("".join(traceback.format_exception_only(error)))[:_TRACEBACK]
        except BaseException:
            return _text(error)
    return "\n".join([*lines, _text(error)])[:_TRACEBACK]


def _builtin_name(error: BaseException) -> str:
    """The nearest built-in class: a class of the submission's own could be named after anything it has seen."""
    return next(str(kind.__name__) for kind in type(error).__mro__ if getattr(builtins, kind.__name__, None) is kind)


def no_prune(module: types.ModuleType) -> str:
    names = [name for name, value in vars(module).items() if callable(value) and not name.startswith("_")]
    near = difflib.get_close_matches("prune", names, n=1, cutoff=0.6) or [n for n in names if "prune" in n.lower()][:1]
    found = f"; did you mean {near[0]!r}?" if near else ""
    return f"there is no function prune(model) in it{found}"


def capped(record: dict[str, Any]) -> dict[str, Any]:
    """The record at a size that surely fits, whatever texts went into it."""
    limits = {"message": _MESSAGE + 1_000, "traceback": _TRACEBACK}
    result = {key: _plain(value)[: limits[key]] if key in limits else value for key, value in record.items()}
    notes = [_plain(note)[:_NOTE] for note in record.get("notes", ())]
    return {**result, "notes": list(dict.fromkeys(notes))[:_NOTES]}


def _plain(value: object) -> str:
    return str(value).encode("utf-8", "backslashreplace").decode()
