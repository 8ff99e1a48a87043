"""What a submission's further processes need: ``fork`` starts all of them, and a program that can't start says so.

A new interpreter could not import the submission, even where programs may be started: the package that the entry is a
member of and the module ``assignment`` exist in this process and its forks alone. This is a service to honest students
and holds nobody back.
"""

from __future__ import annotations

import multiprocessing
import multiprocessing.context
import multiprocessing.resource_tracker
import os
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
import torch.multiprocessing
from torch.utils.data import DataLoader

_SHELL_NOT_FOUND = 127 << 8  # what os.system returns where /bin/sh can't be started


class _Fork(multiprocessing.context.ForkContext):
    """Stands in for another start method, which libraries ask for as well as students (SciPy's ``workers=2``)."""

    def __init__(self, asked: str, note: Callable[[str], None]) -> None:
        self._asked, self._note = asked, note

    def _check_available(self) -> None:  # asked by get_context(method) and set_start_method(method)
        self._note(
            f"multiprocessing's start method {self._asked!r} was taken as 'fork': "
            "a new interpreter could not import the submission"
        )


def prepare(note: Callable[[str], None], *, programs: bool, shared_memory: bool, gpu: bool = False) -> None:
    """In the child, before the submission is imported: says whether it may start programs, and has a /dev/shm of its own."""
    context: Any = multiprocessing.context
    context._default_context._default_context = context._concrete_contexts["fork"]  # which it is not from Python 3.14 on
    context._concrete_contexts.update({method: _Fork(method, note) for method in ("spawn", "forkserver")})
    os.register_at_fork(after_in_child=partial(torch.set_num_threads, 1))  # of OpenMP's threads, a fork has none
    _leave_tracking_out()
    if not programs:
        os.system = partial(_no_system, note)
        _keep_descriptors(note)
    if gpu:
        _load_in_one_process(note, "the data are on the GPU, which a fork can't use")
    elif not shared_memory:
        _load_in_one_process(note, "on this machine processes can't share memory")


def _leave_tracking_out() -> None:
    """Shared memory is watched over by a new interpreter, for nothing: here it ends with the run."""
    tracker: Any = multiprocessing.resource_tracker
    for name in ("ensure_running", "register", "unregister"):
        setattr(tracker, name, lambda *_: None)


def _no_system(note: Callable[[str], None], command: Any) -> int:
    """``os.system`` returns a status that few scripts look at, so that its failure would go unseen."""
    shown = os.fsdecode(command)[:80]
    note(f"os.system({shown!r}) did nothing: submissions can't start programs (allow.exec in rubric.yaml)")
    return _SHELL_NOT_FOUND


def _keep_descriptors(note: Callable[[str], None]) -> None:
    """The other way of sharing tensors, known as the remedy for 'too many open files', starts a program."""
    choose: Callable[[str], None] = torch.multiprocessing.set_sharing_strategy

    def chosen(strategy: str) -> None:
        if strategy == "file_system":
            note("the sharing strategy 'file_system' was ignored: it starts a program; 'file_descriptor' is used")
        else:
            choose(strategy)

    torch.multiprocessing.set_sharing_strategy = chosen


def _load_in_one_process(note: Callable[[str], None], why: str) -> None:
    """A DataLoader gives the same batches without its workers, which here could neither wait for it nor hand over a tensor."""
    loaders: Any = DataLoader
    make = loaders._get_iterator

    def iterator(loader: Any) -> Any:
        if loader.num_workers:
            note(f"a DataLoader's num_workers was taken as 0: {why}")
            loader.num_workers = loader.timeout = 0
        return make(loader)

    loaders._get_iterator = iterator
