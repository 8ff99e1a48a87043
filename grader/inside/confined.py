"""Inside, on Linux: the forked child confines itself, proves it, and receives the submission."""

from __future__ import annotations

import ctypes
import fcntl
import json
import mmap
import os
import socket
import struct
import types
import warnings
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np
import torch

from grader.inside import confine, kernel, processes, proof, submission
from grader.inside.warden import Channels


def main(plan: confine.Plan, channels: Channels, setting: submission.Setting, assignment: types.ModuleType) -> NoReturn:
    """The whole life of the confined child."""
    _arrange_descriptors(channels, close_others="descriptors" not in plan.without)
    try:
        layers = confine.lock_down(plan)
        report: dict[str, object] = {"layers": layers, **proof.probe(plan, layers)}
        if plan.gpu and not report["wrong"]:  # only now: CUDA keeps descriptors open
            _start_gpu(plan.gpu, plan.scratch)
        submission.send(report)
    except BaseException as error:
        submission.send({"broken": f"{type(error).__name__}: {error}"})
        os._exit(70)
    header, files, data = _receive()
    arrays = submission.shaped(_mapped(data), header["arrays"])
    if "limits" in layers:
        confine.limit_memory(plan)

    def prepare(note: Callable[[str], None]) -> None:
        processes.prepare(note, programs=plan.allow_exec, shared_memory=plan.namespaces, gpu=plan.gpu is not None)

    submission.live(plan.scratch, submission.Given(header, files, arrays), setting, assignment, prepare)


def _start_gpu(gpu: confine.Gpu, scratch: str) -> None:
    """Start CUDA in the confinement, ahead of the submission: most of a second that no run has to wait for."""
    os.environ.update(gpu.environment, CUDA_CACHE_PATH=f"{scratch}/cuda")
    try:
        for library in gpu.libraries:  # by their paths, since the loader reads LD_LIBRARY_PATH when a program starts
            ctypes.CDLL(library, mode=ctypes.RTLD_GLOBAL)
        if torch.version.cuda and (code := ctypes.CDLL("libcuda.so.1").cuInit(0)):  # torch would not tell which one
            raise RuntimeError(f"cuInit returned {code}")
        torch.cuda.init()  # type: ignore[no-untyped-call]
        torch.cuda.set_per_process_memory_fraction(gpu.share)
        torch.zeros(1, device="cuda").item()
        _count_devices()
    except Exception as error:
        submission.send({"no_gpu": " ".join(f"{type(error).__name__}: {error}".split())[:500]})
        os._exit(70)


def _count_devices() -> None:
    """By CUDA itself, once and for all: the management library counts GPUs that are not here too, and warns of them."""
    os.environ.pop("PYTORCH_NVML_BASED_CUDA_CHECK", None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.cuda.device_count()


def _mapped(fd: int) -> np.ndarray:
    """The instance's data as float32 values, copy on write: what a submission writes into them is its own."""
    length = os.fstat(fd).st_size
    memory = mmap.mmap(fd, length, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ | mmap.PROT_WRITE)
    os.close(fd)
    return np.frombuffer(memory, dtype="<f4")


def _arrange_descriptors(channels: Channels, *, close_others: bool) -> None:
    """0 reads nothing, 1 and 2 are the log, 3 the result, 4 the source, and no other is left."""
    high = [os.open("/dev/null", os.O_RDONLY), channels.log, channels.log, channels.result, channels.source]
    high = [_duplicate_above(fd) for fd in high]
    for target, fd in enumerate(high):
        os.dup2(fd, target, inheritable=target <= submission.STDERR)
    if close_others:
        kernel.close_from(len(high))
    submission.open_logs()


def _duplicate_above(fd: int) -> int:
    return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 64)


def _receive() -> tuple[dict[str, Any], dict[str, bytes], int]:
    """The keeper's one message: a JSON header and the files' bytes in its order, and a descriptor of the data."""
    with socket.socket(fileno=submission.SOURCE) as channel:
        start, (data,), _, _ = socket.recv_fds(channel, 8, 1)
        with channel.makefile("rb") as source:
            (length,) = struct.unpack("<Q", start + source.read(8 - len(start)))
            header = json.loads(source.read(length))
            files = {name: source.read(size) for name, size in header["files"]}
    return header, files, data
