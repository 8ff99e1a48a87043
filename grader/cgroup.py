"""Control groups: the kernel's own limit on the memory and the processes of a whole run, and its surest way to end one.

Where this process may make groups below its own one: version 2 (``memory.max``, ``pids.max``, ``cgroup.kill``), else
version 1's memory and pids, and beside those a bare version 2 group for ``cgroup.kill``. Below its own one, because what
limits this process must go on limiting the runs.

Source: the kernel's Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/.
"""

from __future__ import annotations

import errno
import itertools
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

from grader.errors import GraderError

_PREFIX = "prunegrade-"
_KERNEL_BYTES = 64 << 20  # on top of a run's limit: page tables, buffers, and what a sample of the warden's comes too late for
_INSTANCES = itertools.count()
_FOLD_SECONDS = 2.0  # ended processes leave their group a little later


@dataclass(frozen=True, slots=True)
class _Files:
    """What a group can have, by the names of its files."""

    memory: tuple[str, ...] = ()  # the limit in bytes, in the order in which they can be written
    settings: tuple[tuple[str, str], ...] = ()
    kills: tuple[str, ...] = ()  # counts kills for lack of memory
    tasks: tuple[str, ...] = ()  # the limit on processes and threads together
    end: tuple[str, ...] = ()  # ends them all

    def among(self, there: set[str]) -> _Files:
        return _Files(
            tuple(file for file in self.memory if file in there),
            tuple((file, value) for file, value in self.settings if file in there),
            tuple(file for file in self.kills if self.memory and self.memory[0] in there and file in there),
            tuple(file for file in self.tasks if file in there),
            tuple(file for file in self.end if file in there),
        )


_VERSION_1_MEMORY = _Files(memory=("memory.limit_in_bytes", "memory.memsw.limit_in_bytes"), kills=("memory.oom_control",))
_VERSION_1_PIDS = _Files(tasks=("pids.max",))
_VERSION_2 = _Files(
    memory=("memory.max",),
    settings=(("memory.swap.max", "0"), ("memory.oom.group", "1")),
    kills=("memory.events",),
    tasks=("pids.max",),
    end=("cgroup.kill",),
)


@dataclass(frozen=True, slots=True)
class _Place:
    """A folder in which this process can make groups, and what each of them then has."""

    folder: Path
    name: str  # as /proc/self/cgroup has it
    files: _Files


@dataclass(frozen=True, slots=True)
class ControlGroup:
    """One run's groups, a folder in each place."""

    folders: tuple[tuple[_Place, Path], ...] = ()
    entrances: tuple[int, ...] = ()  # who writes "0" into these descriptors is in
    names: tuple[str, ...] = ()  # as the child must read them in /proc/self/cgroup

    @property
    def counts_kills(self) -> bool:
        """So that what else the kernel has killed meanwhile was somebody else's."""
        return any(place.files.kills for place, _ in self.folders)

    def ran_out_of_memory(self) -> bool:
        """Whether the kernel has ended a process of the group because the group was full."""
        return any(_counted(folder / file) for place, folder in self.folders for file in place.files.kills)

    def end(self) -> None:
        """Kill everything in the group at once, however quickly it forks."""
        for place, folder in self.folders:
            for file in place.files.end:
                with suppress(OSError):
                    (folder / file).write_text("1")


class ControlGroups:
    """What this process may make of them. ``missing`` says why there is no limit on memory; empty where there is one."""

    def __init__(self, places: tuple[_Place, ...], missing: str) -> None:
        self._places = places
        self.missing = missing
        self._number = next(_INSTANCES)

    @classmethod
    def none(cls, why: str) -> Self:
        return cls((), why)

    @classmethod
    def find(cls) -> Self:
        """Look for places, by making a group in each. Takes away what an earlier grader left when it was killed."""
        found: list[_Place] = []
        reasons: list[str] = []
        for files, folder, name in _own_groups():
            try:
                found.append(_tried(files, folder, name))
            except OSError as error:
                reasons.append(f"{folder}: {error.strerror}")
        if any(place.files.memory for place in found):
            return cls(tuple(found), "")
        return cls(tuple(found), "; ".join(reasons) or "no memory controller is mounted here")

    def can(self, what: Literal["memory", "tasks", "end"]) -> bool:
        return any(getattr(place.files, what) for place in self._places)

    @contextmanager
    def one(self, slot: int, *, memory_bytes: int, tasks: int) -> Iterator[ControlGroup]:
        """A group for one run, gone with all that is in it afterwards. ``memory_bytes`` counts files in memory as well."""
        made: list[tuple[_Place, Path]] = []
        entrances: list[int] = []
        try:
            try:
                for place in self._places:
                    made.append((place, _made(place, f"{_PREFIX}{os.getpid()}-{self._number}-{slot}", memory_bytes, tasks)))
                    entrances.append(os.open(made[-1][1] / "cgroup.procs", os.O_WRONLY | os.O_CLOEXEC))
            except OSError as error:
                raise GraderError(f"a control group could not be made: {error}") from error
            yield ControlGroup(tuple(made), tuple(entrances), tuple(f"{p.name.rstrip('/')}/{f.name}" for p, f in made))
        finally:
            for fd in entrances:
                os.close(fd)
            _remove([folder for _, folder in made])


def _made(place: _Place, name: str, memory_bytes: int, tasks: int) -> Path:
    folder = place.folder / name
    folder.mkdir(exist_ok=True)
    values = [(file, str(memory_bytes + _KERNEL_BYTES)) for file in place.files.memory]
    for file, value in (*values, *place.files.settings, *((file, str(tasks)) for file in place.files.tasks)):
        (folder / file).write_text(value)
    return folder


def _remove(folders: list[Path]) -> None:
    """Empty groups alone can be removed; one that is still full is left to the next grader rather than waited for."""
    deadline = time.monotonic() + _FOLD_SECONDS
    while folders:
        folders = [folder for folder in folders if not _removed(folder)]
        if not folders or time.monotonic() > deadline:
            return
        time.sleep(0.002)


def _removed(folder: Path) -> bool:
    try:
        folder.rmdir()
    except FileNotFoundError:
        pass
    except OSError:
        return False
    return True


def _own_groups() -> Iterator[tuple[_Files, Path, str]]:
    """The groups that this process is in, with their folders and their names in /proc/self/cgroup."""
    own = [line.split(":", 2) for line in _lines("/proc/self/cgroup")]
    for line in _lines("/proc/self/mountinfo"):
        fields, _, rest = line.partition(" - ")
        root, mount_point = fields.split()[3:5]
        kind, _, options = rest.split()[:3]
        for _, controllers, name in own:
            here = set(controllers.split(",")) & set(options.split(",")) if kind == "cgroup" else set()
            below = os.path.relpath(name, root) if name.startswith(root) else "."
            for files, wanted in (
                (_VERSION_1_MEMORY, "memory" in here),
                (_VERSION_1_PIDS, "pids" in here),
                (_VERSION_2, kind == "cgroup2" and not controllers),
            ):
                if wanted:
                    yield files, Path(mount_point, below), name


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []


def _tried(files: _Files, folder: Path, name: str) -> _Place:
    """What a group has that is made here. Raises OSError where none can be."""
    if folder.name == f"{_PREFIX}{os.getpid()}":  # where this process has moved to, see below
        folder, name = folder.parent, os.path.dirname(name)
    _sweep(folder)
    if files is _VERSION_2:
        with suppress(OSError):
            _hand_down_controllers(folder)
    trial = folder / f"{_PREFIX}{os.getpid()}-trial"
    trial.mkdir(exist_ok=True)
    try:
        os.close(os.open(trial / "cgroup.procs", os.O_WRONLY | os.O_CLOEXEC))
        return _Place(folder, name, files.among(set(os.listdir(trial))))
    finally:
        trial.rmdir()


def _hand_down_controllers(folder: Path) -> None:
    """Let groups below have limits. A group with processes of its own can't, so this process moves to one below, if alone."""
    control = folder / "cgroup.subtree_control"
    wanted = {"memory", "pids"} & set((folder / "cgroup.controllers").read_text().split())
    if not wanted or wanted <= set(control.read_text().split()):
        return
    text = " ".join(f"+{controller}" for controller in sorted(wanted))
    try:
        control.write_text(text)
    except OSError as error:
        if error.errno != errno.EBUSY or (folder / "cgroup.procs").read_text().split() != [str(os.getpid())]:
            raise
        leaf = folder / f"{_PREFIX}{os.getpid()}"
        leaf.mkdir(exist_ok=True)
        (leaf / "cgroup.procs").write_text("0")
        control.write_text(text)


def _sweep(folder: Path) -> None:
    for left in folder.glob(f"{_PREFIX}*"):
        pid = left.name.removeprefix(_PREFIX).partition("-")[0]
        if not os.path.exists(f"/proc/{pid}"):
            with suppress(OSError):
                (left / "cgroup.kill").write_text("1")
            _removed(left)


def _counted(events: Path) -> int:
    try:
        return next((int(line.split()[1]) for line in events.read_text().splitlines() if line.startswith("oom_kill ")), 0)
    except (OSError, ValueError):
        return 0
