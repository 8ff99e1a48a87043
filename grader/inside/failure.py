"""Says in the student's words why a submission failed: a claim for the status record, with the place and the next step."""

from __future__ import annotations

import builtins
import difflib
import inspect
import itertools
import linecache
import os
import re
import traceback
import types
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from grader.inside import hints

_MESSAGE, _TRACEBACK, _NOTE, _NOTES = 4_000, 24_000, 400, 20  # characters; a record stays far below what the keeper takes
_AROUND, _SOURCE = 2, 200  # lines of context on both sides of the failing one, and characters of each
_FIRST_LINES = 500  # characters of an exception that the message repeats; the traceback has all of it
_MEMORY_WORDS = ("can't allocate memory", "not enough memory", "Cannot allocate memory", "out of memory")
# The latter where PyTorch fails at saying that it has none left.
_GPU_MEMORY = re.compile(r"CUDA.*out of memory|CUBLAS_STATUS_ALLOC_FAILED|NVML_SUCCESS.*CUDACachingAllocator", re.DOTALL)
_CELL = re.compile(r"# cell (\d+) of ['\"](.+)['\"]$")  # what intake writes above each cell of a notebook
_WORKER_ENDED = re.compile(r"^[\w.]+: .*$", re.MULTILINE)  # the last such line of a worker's traceback says why
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


class FailedError(Exception):
    """A failure that was recognised before it became an exception of the submission's own."""

    def __init__(self, claim: str, stage: str, message: str) -> None:
        super().__init__(message)
        self.record: dict[str, Any] = {"claim": claim, "stage": stage, "message": message}


class _Frame(NamedTuple):
    file: str  # relative to the submission's folder
    line: int
    function: str
    source: str
    place: str  # in the file that the student handed in


def describe(error: BaseException, stage: str, folder: Path, entry: str, packages: tuple[str, ...]) -> dict[str, Any]:
    """The status record of an exception that left the submission."""
    try:
        return _described(error, stage, folder, entry, packages)
    except BaseException:  # the exception is an object of the submission's, which may do anything when it is looked at
        return {"claim": "raised", "stage": stage, "message": f"{_class_name(error)}, which can't be shown"}


def _described(error: BaseException, stage: str, folder: Path, entry: str, packages: tuple[str, ...]) -> dict[str, Any]:
    frames = _own_frames(error, folder)
    if isinstance(error, SyntaxError) and str(error.filename or "").startswith(f"{folder}{os.sep}"):
        file = os.path.relpath(str(error.filename), folder)
        frames = [_Frame(file, error.lineno or 1, "", (error.text or "").rstrip("\n"), _place(folder, file, error.lineno or 1))]
        claim, message = "unreadable", _joined(str(error.msg), hints.syntax_hint(error))
        trace = _syntax_text(frames[0], error)
    else:
        mistake = hints.Mistake(
            error=error,
            text=_text(error),
            stage=stage,
            source=frames[-1].source if frames else "",
            is_notebook=_is_notebook(folder, entry),
            folder=folder,
            packages=packages,
        )
        claim, message = _claim(mistake)
        trace = _traceback_text(frames, error, folder)
    return {
        "claim": claim,
        "stage": stage,
        "message": f"{frames[-1].place}: {message}" if frames else message,
        "exception": _builtin_name(error),
        "line": _line_of_entry(frames, folder, entry),
        "traceback": trace[:_TRACEBACK],
    }


def _claim(mistake: hints.Mistake) -> tuple[str, str]:
    error, text = mistake.error, mistake.text
    if isinstance(error, SystemExit):
        ended = f"the submission called sys.exit({_shown(error.code)})"[:_FIRST_LINES] + " and returned no model"
        return "exited", _joined(ended, hints.exit_hint(mistake))
    if (where := _memory_that_lacks(error, text)) is not None:
        what, limit = where
        asked = f"more {what} was asked for than limits.{limit} in rubric.yaml allows ({text[:300]})"
        return "out_of_memory", f"{asked}; work in smaller batches and keep fewer copies"
    shown = " ".join(_to_the_point(text).split())  # on one line
    shown = shown if len(shown) <= _FIRST_LINES else f"{shown[:_FIRST_LINES]} ..."
    return "raised", _joined(shown, hints.hint(mistake))


def _memory_that_lacks(error: BaseException, text: str) -> tuple[str, str] | None:
    """Its name and its limit's, if the error says that no more was to be had."""
    if isinstance(error, RuntimeError) and _GPU_MEMORY.search(text):
        return "GPU memory", "gpu_memory_bytes"
    if isinstance(error, MemoryError) or (isinstance(error, RuntimeError | OSError) and any(w in text for w in _MEMORY_WORDS)):
        return "memory", "memory_bytes"
    return None


def _shown(value: object) -> str:
    try:
        return repr(value)
    except BaseException:
        return "..."


def _to_the_point(text: str) -> str:
    """Without a worker's traceback, which a DataLoader puts before the reason, and PyTorch's advice to its developers."""
    caught, found, inner = text.partition("\nOriginal Traceback (most recent call last):")
    lines = _WORKER_ENDED.findall(inner) if found else []
    return f"{caught.rstrip('.')}: {lines[-1]}" if lines else text.partition("\nSet TORCHDYNAMO_VERBOSE=1")[0]


def _joined(message: str, hint: str) -> str:
    return f"{message.rstrip('.')}; {hint}" if hint else message


def _text(error: BaseException) -> str:
    """The exception as Python prints it, whatever its __str__ does, without colours and places of the grader's own."""
    try:
        message = str(error)
        if isinstance(error, ImportError) and error.path:
            message = message.replace(f" ({error.path})", "")
    except BaseException:
        message = "(its message can't be shown)"
    message = _COLOURS.sub("", message)
    return f"{_class_name(error)}: {message}"[:_MESSAGE] if message else _class_name(error)


def _class_name(error: BaseException) -> str:
    """As the interpreter has it, whatever the class itself would say."""
    return str(type.__dict__["__name__"].__get__(type(error)))


# --- places -----------------------------------------------------------------------------------------------------------


def _place(folder: Path, file: str, line: int) -> str:
    """The line in the file that the student handed in, which for a converted notebook is a line of a cell."""
    above = linecache.getlines(str(folder / file))[:line]
    for distance, text in enumerate(reversed(above)):
        if cell := _CELL.search(text.rstrip()):
            return f"{cell[2]}, code cell {cell[1]}, line {max(distance, 1)}"
    return f"{file}, line {line}"


def _is_notebook(folder: Path, file: str) -> bool:
    return bool(_CELL.search(linecache.getline(str(folder / file), 1).rstrip()))


def _line_of_entry(frames: Sequence[_Frame], folder: Path, entry: str) -> int | None:
    """The last line of the entry that was reached. None in a notebook, whose lines nobody counts through its cells."""
    if _is_notebook(folder, entry):
        return None
    return next((frame.line for frame in reversed(frames) if frame.file == entry), None)


def _own_frames(error: BaseException, folder: Path) -> list[_Frame]:
    """The frames that lie in the submission, outermost first."""
    root = f"{folder}{os.sep}"
    found = []
    for frame in traceback.extract_tb(error.__traceback__):
        if frame.filename.startswith(root):
            file, line = frame.filename.removeprefix(root), frame.lineno or 1
            found.append(_Frame(file, line, frame.name, frame.line or "", _place(folder, file, line)))
    return found


def _syntax_text(frame: _Frame, error: SyntaxError) -> str:
    printed = "".join(traceback.format_exception_only(error)).splitlines()
    return "\n".join([frame.place, *printed[1:]])


def _traceback_text(frames: Sequence[_Frame], error: BaseException, folder: Path) -> str:
    lines = [f"{frame.place}, in {frame.function}\n    {frame.source}" for frame in frames]
    if frames and (context := _context(folder, frames[-1])):
        lines[-1] = f"{frames[-1].place}, in {frames[-1].function}\n{context}"
    if len(lines) > 30:  # deep recursion repeats itself
        lines = [*lines[:10], f"... {len(lines) - 20} more calls ...", *lines[-10:]]
    return "\n".join([*lines, _text(error), *_earlier(error, folder)])


def _context(folder: Path, frame: _Frame) -> str:
    """The failing line between its neighbours, numbered as in what was handed in; empty where the file can't be read."""
    lines = linecache.getlines(str(folder / frame.file))
    above = frame.line - int(frame.place.rpartition(" ")[2])  # in a converted notebook, the lines before this cell
    first, last = max(above + 1, frame.line - _AROUND), min(len(lines), frame.line + _AROUND)
    around = list(itertools.takewhile(lambda number: not _CELL.search(lines[number - 1].rstrip()), range(first, last + 1)))
    if frame.line not in around:
        return ""
    while around[-1] > frame.line and not lines[around[-1] - 1].strip():
        around.pop()
    width = len(str(around[-1] - above))
    return "\n".join(
        f"  {'>' if number == frame.line else ' '} {number - above:{width}} | {lines[number - 1].rstrip()[:_SOURCE]}"
        for number in around
    )


def _earlier(error: BaseException, folder: Path) -> list[str]:
    """The exceptions that were being handled when this one was raised, the latest first."""
    found = []
    for _ in range(3):
        earlier = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        if earlier is None:
            break
        own = _own_frames(earlier, folder)
        found.append(f"(raised while handling {_text(earlier)}{f', {own[-1].place}' if own else ''})")
        error = earlier
    return found


def _builtin_name(error: BaseException) -> str:
    """The nearest built-in class: a class of the submission's own could be named after anything it has seen."""
    known = {id(kind): name for name, kind in vars(builtins).items() if isinstance(kind, type)}
    return next(known[id(kind)] for kind in type.mro(type(error)) if id(kind) in known)


# --- no entry ---------------------------------------------------------------------------------------------------------


def no_prune(module: types.ModuleType) -> str:
    return f"there is no function prune(model) in it{_instead(module)}"


def no_function(module: types.ModuleType) -> str:
    """Where ``prune`` is something else."""
    prune = vars(module)["prune"]
    if isinstance(prune, types.ModuleType):
        other = f"import the module under another name{_instead(module)}"
        return f"prune is the module {prune.__name__}, expected a function prune(model); {other}"
    return f"prune is a {type(prune).__name__}, expected a function prune(model)"


def _instead(module: types.ModuleType) -> str:
    """The submission's own function or class that may have been meant."""
    own = {name: value for name, value in vars(module).items() if getattr(value, "__module__", None) == module.__name__}
    for name, value in own.items():
        if inspect.isclass(value) and callable(getattr(value, "prune", None)):
            return f"; did you mean {name}.prune? Then add: prune = {name}().prune"
    functions = [name for name, value in vars(module).items() if callable(value) and not name.startswith("_")]
    near = difflib.get_close_matches("prune", functions, n=1, cutoff=0.6) or [n for n in functions if "prun" in n.lower()][:1]
    return f"; did you mean {near[0]!r}? Then rename it to prune" if near else ""


# --- size -------------------------------------------------------------------------------------------------------------


def capped(record: dict[str, Any]) -> dict[str, Any]:
    """The record at a size that surely fits, whatever texts went into it."""
    limits = {"message": _MESSAGE + 1_000, "traceback": _TRACEBACK}
    result = {key: _plain(value)[: limits[key]] if key in limits else value for key, value in record.items()}
    notes = [_plain(note)[:_NOTE] for note in record.get("notes", ())]
    return {**result, "notes": list(dict.fromkeys(notes))[:_NOTES]}


def _plain(value: object) -> str:
    return str(value).encode("utf-8", "backslashreplace").decode()
