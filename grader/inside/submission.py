"""Inside: imports the submission, calls ``prune(model)`` and sends back bytes. How it came here is its caller's business.

What goes out on the result channel after the caller's own records, in order: a stage marker before the import and one before
prune starts, one status record, and, if the record claims "returned", the parameters as raw float32 bytes of known length.
Then the process ends by ``os._exit``, so that nothing which the submission registered for its exit runs.
"""

from __future__ import annotations

import importlib.util
import inspect
import json
import mmap
import os
import random
import struct
import sys
import tempfile
import types
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import torch

from grader.inside import collect, failure, notebook, packages

STDIN, STDOUT, STDERR, RESULT, SOURCE = range(5)  # the descriptors of every run

# Addresses, never touched, for telling a failure where the submission has used up all others; taken before any limit is set.
_reserve = mmap.mmap(-1, 16 << 20, **({} if os.name == "nt" else {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS}))

Prepare = Callable[[Callable[[str], None]], None]  # gets what takes notes


@dataclass(frozen=True, slots=True)
class Setting:
    """What the keeper says of a run before it hands over the source."""

    scoring: dict[str, float]  # the rubric's numbers, for assignment.score and assignment.points
    packages: tuple[str, ...]
    threads: int
    seed: int
    device: str  # "cpu" or "cuda"


@dataclass(frozen=True, slots=True)
class Given:
    """What the keeper hands over."""

    header: dict[str, Any]  # entry, parameters, and where arrays and files begin and end
    files: dict[str, bytes]
    arrays: dict[str, np.ndarray]  # the instance's public data, the run's own to write to


def live(
    scratch: str, given: Given, setting: Setting, assignment: Any, prepare: Callable[[Callable[[str], None]], None]
) -> NoReturn:
    """From the source to the end of the process. ``prepare`` is called before the first import."""
    folder, files, entry = Path(scratch, "submission"), given.files, given.header["entry"]
    try:
        _settle(folder, files, entry, setting)
    except OSError as error:
        size = sum(map(len, files.values()))
        _finish({"claim": "unreadable", "stage": "unpack", "message": _TOO_LARGE.format(size / 1e6, error.strerror)})
    model = _serve(assignment, given.arrays, setting)
    send({"stage": "import"})  # until now, whatever failed was not the submission's
    notes: list[str] = []
    prepare(notes.append)
    try:
        weights = _run(folder, files, given.header, model, assignment, notes)
    except failure.FailedError as failed:
        _reserve.close()
        _finish({**failed.record, "notes": notes})
    except BaseException as error:
        _reserve.close()
        record = failure.describe(error, _stage[0], folder, entry, setting.packages)
        _finish({**record, "notes": notes})
    _finish({"claim": "returned", "notes": notes}, weights)


_TOO_LARGE = (
    "its files ({:.0f} MB) could not be laid out where it runs ({}): hand in fewer, "
    "or smaller than limits.file_bytes in rubric.yaml"
)
_stage = ["import"]  # where the submission is; a list, because exception handlers read it


def _run(
    folder: Path, files: dict[str, bytes], header: dict[str, Any], model: torch.nn.Module, assignment: Any, notes: list[str]
) -> bytes:
    module = _import(folder, files, header["entry"], notes)
    call = _entry_point(module, model, header["parameters"], assignment.train_loader)
    _stage[0] = "prune"
    send({"stage": "prune"})
    returned = call()
    _stage[0] = "collect"
    try:
        tensors, remarks = collect.collect(returned, model)
    except collect.RejectedError as rejected:
        raise failure.FailedError("rejected", "collect", str(rejected)) from None
    notes += remarks
    return b"".join(tensor.numpy().tobytes() for tensor in tensors)


# --- before the submission --------------------------------------------------------------------------------------------


def load_assignment() -> types.ModuleType:
    """Import ``assignment`` by its place, so that its neighbours in this folder do not become importable names."""
    place = Path(__file__).parent / "assignment" / "__init__.py"
    spec = importlib.util.spec_from_file_location("assignment", place, submodule_search_locations=[str(place.parent)])
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["assignment"] = module
    spec.loader.exec_module(module)
    return module


def open_logs() -> None:
    """Python's streams anew on descriptors 1 and 2: every line is there as soon as it is written."""
    for fd, name in ((STDOUT, "stdout"), (STDERR, "stderr")):
        stream = open(fd, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def shaped(flat: np.ndarray, arrays: dict[str, tuple[int, tuple[int, ...]]]) -> dict[str, np.ndarray]:
    """The instance's arrays in ``flat``, float32 values one after the other; ``arrays`` has their offsets and shapes."""
    return {name: flat[start : start + int(np.prod(shape))].reshape(shape) for name, (start, shape) in arrays.items()}


def _settle(folder: Path, files: dict[str, bytes], entry: str, setting: Setting) -> None:
    """Lay out the submission's own folder and make the process look like any Python that was started in it."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    os.chdir(folder)
    scratch = str(folder.parent)
    os.environ.update({"TEMP": scratch, "TMP": scratch, "USERPROFILE": scratch} if os.name == "nt" else {})
    os.environ.update(HOME=scratch, TMPDIR=scratch, TORCHINDUCTOR_CACHE_DIR=f"{scratch}/inductor", MPLCONFIGDIR=f"{scratch}/mpl")
    tempfile.tempdir = None  # a package that was imported ahead may have asked for it before the scratch folder was known
    sys.argv = [entry]
    packages.enforce((str((folder / entry).parent), str(folder)))
    torch.set_num_threads(setting.threads)
    random.seed(setting.seed)
    np.random.seed(setting.seed)
    torch.manual_seed(setting.seed)


def _serve(assignment: Any, arrays: dict[str, np.ndarray], setting: Setting) -> torch.nn.Module:
    """Give ``assignment`` the instance's public data, and return its trained model, all on the run's device."""
    device = torch.device(setting.device)
    data = [arrays.pop(name) for name in ("train.X", "train.Y", "validation.X", "validation.Y")]
    assignment._install(*data, device, setting.scoring)
    state = torch.random.get_rng_state()
    model: torch.nn.Module = assignment.MLP()
    torch.random.set_rng_state(state)  # building the model must not move the documented seed
    model.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})
    return model.to(device)


# --- the submission ---------------------------------------------------------------------------------------------------


def _import(folder: Path, files: dict[str, bytes], entry: str, notes: list[str]) -> types.ModuleType:
    """Import the entry as a member of a package, so that both ``import helper`` and ``from .helper`` find its neighbours."""
    path = folder / entry
    package = types.ModuleType("submission")
    package.__path__ = [str(path.parent)]
    sys.modules["submission"] = package
    name = path.stem if path.stem.isidentifier() else "entry"
    spec = importlib.util.spec_from_file_location(f"submission.{name}", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    if not packages.is_library(name):
        sys.modules.setdefault(name, module)
    sources = [content.decode("utf-8", "replace") for file, content in files.items() if file.endswith(".py")]
    notebook.prepare(sources, module.__dict__, notes.append)
    spec.loader.exec_module(module)
    return module


def _entry_point(
    module: types.ModuleType, model: torch.nn.Module, parameters: dict[str, Any], train_loader: Callable[[], Any]
) -> Callable[[], Any]:
    """The call to make. Raises FailedError("no_entry") where there is no callable prune or it can't take a model."""
    prune = getattr(module, "prune", None)
    if prune is None:
        raise failure.FailedError("no_entry", "import", failure.no_prune(module))
    if not callable(prune):
        raise failure.FailedError("no_entry", "import", failure.no_function(module))
    try:
        signature = inspect.signature(prune)
    except (TypeError, ValueError):
        return lambda: prune(model, **parameters)
    positional: list[inspect.Parameter] = []
    keyword: list[inspect.Parameter] = []
    for parameter in signature.parameters.values():
        if parameter.default is not parameter.empty or parameter.kind is parameter.VAR_KEYWORD:
            continue
        (keyword if parameter.kind is parameter.KEYWORD_ONLY else positional).append(parameter)
    takes_model = any(
        p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD, p.VAR_POSITIONAL) for p in signature.parameters.values()
    )
    needed = [p for p in positional if p.kind is not p.VAR_POSITIONAL]
    unfilled = [p.name for p in (*needed[2:], *keyword) if p.name not in parameters]
    if not takes_model or unfilled:
        asks = f"asks for {', '.join(unfilled)} as well" if takes_model else "takes no model"
        raise failure.FailedError(
            "no_entry", "import", f"prune{signature} {asks}; expected prune(model), further parameters with defaults"
        )
    if unknown := _unknown(signature, parameters):
        raise failure.FailedError("no_entry", "import", f"prune{signature} has no parameter {unknown}")
    arguments = [model, train_loader()] if len(needed) > 1 and needed[1].name not in parameters else [model]
    return lambda: prune(*arguments, **parameters)


def _unknown(signature: inspect.Signature, parameters: dict[str, Any]) -> str:
    if any(p.kind is p.VAR_KEYWORD for p in signature.parameters.values()):
        return ""
    return ", ".join(name for name in parameters if name not in signature.parameters)


# --- the channels -----------------------------------------------------------------------------------------------------


def send(record: dict[str, object], payload: bytes = b"") -> None:
    text = json.dumps(record).encode()
    pending = memoryview(struct.pack("<I", len(text)) + text + payload)
    while pending:
        pending = pending[os.write(RESULT, pending) :]


def _finish(record: dict[str, object], weights: bytes = b"") -> NoReturn:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BaseException:  # the submission may have replaced or closed it
            pass
    try:
        send(failure.capped(record), weights)
    finally:
        os._exit(0)
