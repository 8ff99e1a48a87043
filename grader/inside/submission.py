"""Inside: confines itself, receives the submission, imports it, calls ``prune(model)`` and sends back bytes.

What goes out on the result channel, in order: the probe's report, a stage marker before prune starts, one status record,
and, if the record claims "returned", the parameters as raw float32 bytes of known length. Then the process ends by
``os._exit``, so that nothing which the submission registered for its exit runs.
"""

from __future__ import annotations

import importlib.util
import inspect
import json
import mmap
import os
import random
import socket
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

from grader.inside import collect, confine, failure, kernel, notebook, packages, processes, proof
from grader.inside.warden import Channels

_STDIN, _STDOUT, _STDERR, _RESULT, _SOURCE = range(5)


@dataclass(frozen=True, slots=True)
class Setting:
    """What the keeper says of a run before it hands over the source."""

    scoring: dict[str, float]  # the rubric's numbers, for assignment.score and assignment.points
    packages: tuple[str, ...]
    threads: int
    seed: int


def main(plan: confine.Plan, channels: Channels, setting: Setting, assignment: types.ModuleType) -> NoReturn:
    """The whole life of the confined child."""
    _arrange_descriptors(channels, close_others="descriptors" not in plan.without)
    try:
        layers = confine.lock_down(plan)
        _send({"layers": layers, **proof.probe(plan, layers)})
    except BaseException as error:
        _send({"broken": f"{type(error).__name__}: {error}"})
        os._exit(70)
    header, files, data = _receive()
    arrays = _map(data, header["arrays"])
    if "limits" in layers:
        confine.limit_memory(plan)
    folder = Path(plan.scratch, "submission")
    try:
        _settle(folder, files, header["entry"], setting)
    except OSError as error:
        size = sum(map(len, files.values()))
        _finish({"claim": "unreadable", "stage": "unpack", "message": _TOO_LARGE.format(size / 1e6, error.strerror)})
    model = _serve(assignment, arrays, setting.scoring)
    notes: list[str] = []
    processes.prepare(notes.append, programs=plan.allow_exec, shared_memory=plan.namespaces)
    try:
        weights = _run(folder, files, header, model, assignment, notes)
    except failure.FailedError as failed:
        _finish({**failed.record, "notes": notes})
    except BaseException as error:
        record = failure.describe(error, _stage[0], folder, header["entry"], setting.packages)
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
    _send({"stage": "prune"})
    returned = call()
    _stage[0] = "collect"
    try:
        tensors, remarks = collect.collect(returned, model)
    except collect.RejectedError as rejected:
        raise failure.FailedError("rejected", "collect", str(rejected)) from None
    notes += remarks
    return b"".join(tensor.numpy().tobytes() for tensor in tensors)


# --- before the submission --------------------------------------------------------------------------------------------


def _map(fd: int, arrays: dict[str, tuple[int, tuple[int, ...]]]) -> dict[str, np.ndarray]:
    """The instance's arrays, copy on write: what a submission writes into them is its own.

    ``arrays`` has their names with the offset, in float32 values, and the shape.
    """
    length = os.fstat(fd).st_size
    memory = mmap.mmap(fd, length, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ | mmap.PROT_WRITE)
    os.close(fd)
    flat = np.frombuffer(memory, dtype="<f4")
    return {name: flat[start : start + int(np.prod(shape))].reshape(shape) for name, (start, shape) in arrays.items()}


def _arrange_descriptors(channels: Channels, *, close_others: bool) -> None:
    """0 reads nothing, 1 and 2 are the log, 3 the result, 4 the source, and no other is left."""
    high = [os.open("/dev/null", os.O_RDONLY), channels.log, channels.log, channels.result, channels.source]
    high = [_duplicate_above(fd) for fd in high]
    for target, fd in enumerate(high):
        os.dup2(fd, target, inheritable=target <= _STDERR)
    if close_others:
        kernel.close_from(len(high))
    for fd, name in ((_STDOUT, "stdout"), (_STDERR, "stderr")):
        stream = open(fd, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def _duplicate_above(fd: int) -> int:
    import fcntl

    return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 64)


def _settle(folder: Path, files: dict[str, bytes], entry: str, setting: Setting) -> None:
    """Lay out the submission's own folder and make the process look like any Python that was started in it."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    os.chdir(folder)
    scratch = str(folder.parent)
    os.environ.update(HOME=scratch, TMPDIR=scratch, TORCHINDUCTOR_CACHE_DIR=f"{scratch}/inductor", MPLCONFIGDIR=f"{scratch}/mpl")
    tempfile.tempdir = None  # a package that was imported ahead may have asked for it before the scratch folder was known
    sys.argv = [entry]
    packages.enforce((str((folder / entry).parent), str(folder)))
    torch.set_num_threads(setting.threads)
    random.seed(setting.seed)
    np.random.seed(setting.seed)
    torch.manual_seed(setting.seed)


def _serve(assignment: Any, arrays: dict[str, np.ndarray], scoring: dict[str, float]) -> torch.nn.Module:
    """Give ``assignment`` the instance's public data, and return its trained model."""
    data = [arrays.pop(name) for name in ("train.X", "train.Y", "validation.X", "validation.Y")]
    assignment._install(*data, torch.device("cpu"), scoring)
    state = torch.random.get_rng_state()
    model: torch.nn.Module = assignment.MLP()
    torch.random.set_rng_state(state)  # building the model must not move the documented seed
    model.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})
    return model


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


def _receive() -> tuple[dict[str, Any], dict[str, bytes], int]:
    """The keeper's one message: a JSON header and the files' bytes in its order, and a descriptor of the data."""
    with socket.socket(fileno=_SOURCE) as channel:
        start, (data,), _, _ = socket.recv_fds(channel, 8, 1)
        with channel.makefile("rb") as source:
            (length,) = struct.unpack("<Q", start + source.read(8 - len(start)))
            header = json.loads(source.read(length))
            files = {name: source.read(size) for name, size in header["files"]}
    return header, files, data


def _send(record: dict[str, object], payload: bytes = b"") -> None:
    text = json.dumps(record).encode()
    pending = memoryview(struct.pack("<I", len(text)) + text + payload)
    while pending:
        pending = pending[os.write(_RESULT, pending) :]


def _finish(record: dict[str, object], weights: bytes = b"") -> NoReturn:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BaseException:  # the submission may have replaced or closed it
            pass
    try:
        _send(failure.capped(record), weights)
    finally:
        os._exit(0)
