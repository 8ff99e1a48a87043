"""Inside, anywhere: one fresh interpreter for one run, for practice where the system confines nobody.

``python -c "..."`` by the keeper's ``fresh``, with the source on descriptor 0, the result on 1 and the log on 2: what every
system gives to a process. What goes out comes in the order of a confined run's, with one record more: ``started``, by which
the clock starts, is the last that is not the student's. Nothing here holds back a submission that means harm.
"""

from __future__ import annotations

import importlib
import json
import math
import os
import struct
import sys
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    from grader.inside.submission import Given

_LIMITABLE = ("CPU time", "memory", "files")
_MARGIN = 1.25  # by which the kernel's two ways of counting CPU time may differ on a busy machine


def main() -> None:
    """The whole life of the process."""
    source = _arranged()
    from grader.inside import packages, submission  # only now: whatever torch's import prints belongs to the log

    submission.open_logs()
    setup = _message(source)
    setting = submission.Setting(**setup["setting"])
    try:
        assignment = submission.load_assignment()
        packages.prepare(setting.packages)
        limited = _limitable(setup)
        layers = ["environment"] * (not setup["inherits"]) + ["limits"] * (len(limited) == len(_LIMITABLE))
        submission.send({"layers": layers, "limited": limited})
    except BaseException as error:
        submission.send({"broken": f"{type(error).__name__}: {error}"})
        os._exit(70)
    given = _received(source)
    for name in given.header["warm"]:
        _warm(name)
    _start(setup)
    submission.send({"started": True, "cpu_seconds": _cpu_seconds(), "memory_bytes": _memory_bytes()})
    submission.live(setup["scratch"], given, setting, assignment, lambda note: _prepare(note, programs=setup["allow_exec"]))


def _arranged() -> BinaryIO:
    """0 reads nothing, 1 and 2 are the log, 3 is the result. Returns the source, which is to be read to its end."""
    os.dup2(1, 3, inheritable=False)
    os.dup2(0, 4, inheritable=False)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return open(4, "rb")


def _message(source: BinaryIO) -> dict[str, Any]:
    head = source.read(8)
    if len(head) < 8:
        os._exit(0)  # the keeper has gone
    message: dict[str, Any] = json.loads(source.read(*struct.unpack("<Q", head)))
    return message


def _received(source: BinaryIO) -> Given:
    """A JSON header, the files' bytes in its order, and the instance's data as float32 values."""
    import numpy as np

    from grader.inside import submission

    header = _message(source)
    files = {name: source.read(size) for name, size in header["files"]}
    values = sum(math.prod(shape) for _, shape in header["arrays"].values())
    flat = np.frombuffer(bytearray(source.read(4 * values)), dtype="<f4")
    source.close()
    return submission.Given(header, files, submission.shaped(flat, header["arrays"]))


def _warm(name: str) -> None:
    """Import a slow package before the clock starts, as a nursery would have done."""
    try:
        importlib.import_module(name)
    except Exception:  # its own import in the submission will say why
        pass


def _prepare(note: Any, *, programs: bool) -> None:
    if hasattr(os, "fork"):
        from grader.inside import processes

        processes.prepare(note, programs=programs, shared_memory=True)
    from grader.inside import rehearsal

    rehearsal.refuse(programs=not programs)


# --- what the system can limit ----------------------------------------------------------------------------------------


def _limitable(setup: dict[str, Any]) -> list[str]:
    if not setup["limited"] or not _resource():
        return []
    return [what for what in _LIMITABLE if what != "memory" or _addresses()]


def _start(setup: dict[str, Any]) -> None:
    """From now on the submission's: as much of its limits as there is. Those of processes belong to the user, and stay."""
    resource = _resource()
    if not setup["limited"] or not resource:
        return
    _limit(resource, "RLIMIT_CORE", 0)
    _limit(resource, "RLIMIT_FSIZE", setup["file_bytes"])
    if held := _addresses():
        _limit(resource, "RLIMIT_AS", held + setup["memory_bytes"])
    if setup["cpu_seconds"] is not None:  # in whole seconds, and then above the limit: less must not end it
        _limit(resource, "RLIMIT_CPU", int(_cpu_seconds() + setup["cpu_seconds"] * _MARGIN) + 1)


def _limit(resource: Any, name: str, value: int) -> None:
    which = getattr(resource, name)
    hard = resource.getrlimit(which)[1]
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    last = value + 1 if name == "RLIMIT_CPU" and hard == resource.RLIM_INFINITY else value  # for who ignores the signal
    try:
        resource.setrlimit(which, (value, last))
    except (ValueError, OSError):
        pass  # macOS has limits that it doesn't let anybody set


def _resource() -> Any:
    """The module of that name, which Windows lacks."""
    try:
        return importlib.import_module("resource")
    except ImportError:
        return None


def _addresses() -> int:
    """Bytes of address space that this process has; 0 where the system does not say, and so can't limit them."""
    try:
        with open("/proc/self/statm") as statm:
            return int(statm.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, AttributeError):
        return 0


def _cpu_seconds() -> float:
    times = os.times()
    return times.user + times.system


def _memory_bytes() -> int:
    """The most that this process has held so far."""
    resource = _resource()
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit if resource else 0
