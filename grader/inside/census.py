"""What a run holds: its processes with their CPU time and memory, and what its files keep in memory or on disk.

Only the warden asks. Figures come from /proc and from the file system, nothing from the processes themselves.
"""

from __future__ import annotations

import os
import resource
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

_TICKS = os.sysconf("SC_CLK_TCK")
_FREE_DESCRIPTORS = 256  # of a process; each further one may stand for a socket with a full buffer of kernel memory
_BUFFER_BYTES = 212_992
_ENTRY_BYTES = 16_384  # charged for a file or folder on the host's disk, however small it is
_DEEPEST = 200  # folders in folders
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_RELAXED = 20  # times as long as a slow look took, until the next one


@dataclass(frozen=True, slots=True)
class Task:
    """One process, as /proc/<pid>/stat has it."""

    parent: int
    started: bytes
    ticks: int  # of CPU time, its own
    ended_ticks: int  # of children that it has waited for
    zombie: bool


@dataclass(frozen=True, slots=True)
class Usage:
    cpu_seconds: float
    memory_bytes: int  # an upper bound where several processes share pages
    processes: tuple[int, ...]  # that are still alive


@dataclass(slots=True)
class Census:
    """Takes samples of this process's descendants, and remembers what ended ones had used."""

    folders: tuple[str, ...]  # private memory file systems
    scratch: str | None  # a folder on the host's disk, where there are none
    counts_shared: bool = False  # memory in files without a folder, which a run with a GPU alone can have
    _seen: dict[tuple[int, bytes], int] = field(default_factory=dict)  # ticks of every process ever met
    _scratch_bytes: int = 0
    _scratch_due: float = 0.0

    def sample(self) -> Usage:
        """The CPU time is the larger of two sums, each of which lacks something.

        The kernel's own lacks processes that nobody waited for; that of the processes which were met here lacks what they
        did after the last sample. A process that nobody waits for and that lives shorter than a sample hides from both:
        the limits on processes and on wall time bound that.
        """
        tasks = all_tasks()
        tree = {pid: tasks[pid] for pid in descendants(tasks, os.getpid())}
        for pid, task in tree.items():
            self._seen[pid, task.started] = task.ticks
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        waited_for = sum(task.ticks + task.ended_ticks for task in tree.values()) / _TICKS + ended.ru_utime + ended.ru_stime
        alive = tuple(filter(None, (_living_thread(pid) if task.zombie else pid for pid, task in tree.items())))
        memory = sum(_private_bytes(pid) for pid in alive) + self._file_bytes(alive, _resident_shared_bytes)
        return Usage(max(waited_for, sum(self._seen.values()) / _TICKS), memory, alive)

    def confirmed_memory(self, usage: Usage) -> int:
        """Like ``memory_bytes``, but pages that several processes share count once. Takes milliseconds per process."""
        private = sum(_proportional_bytes(pid) for pid in usage.processes)
        return min(usage.memory_bytes, private + self._file_bytes(usage.processes, _proportional_shared_bytes))

    def _file_bytes(self, alive: Iterable[int], shared_bytes: Callable[[int], int]) -> int:
        used = 0
        for folder in self.folders:
            system = os.statvfs(folder)
            used += (system.f_blocks - system.f_bfree) * system.f_frsize
        if self.scratch and (now := time.monotonic()) >= self._scratch_due:
            deleted = _deleted_bytes(alive, os.stat(self.scratch).st_dev)
            self._scratch_bytes = _disk_bytes(self.scratch) + deleted
            self._scratch_due = now + 0.5 + _RELAXED * (time.monotonic() - now)
        if self.counts_shared:  # of which some may be the folders' files
            used = max(used, sum(map(shared_bytes, alive)))
        return used + self._scratch_bytes


def all_tasks() -> dict[int, Task]:
    found = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat", "rb") as file:
                    state, *fields = file.read().rpartition(b")")[2].split()  # the name before it may hold anything
            except OSError:
                continue  # ended between listing and reading
            own, waited_for = int(fields[10]) + int(fields[11]), int(fields[12]) + int(fields[13])
            found[int(entry)] = Task(int(fields[0]), fields[18], own, waited_for, state == b"Z")
    return found


def descendants(tasks: dict[int, Task], root: int) -> set[int]:
    children: dict[int, list[int]] = {}
    for pid, task in tasks.items():
        children.setdefault(task.parent, []).append(pid)
    found: set[int] = set()
    pending = [root]
    while pending:
        for pid in children.get(pending.pop(), ()):
            if pid not in found:
                found.add(pid)
                pending.append(pid)
    return found


def _living_thread(pid: int) -> int | None:
    """Another thread of a process whose first one has ended: it looks like a zombie, and still has its memory."""
    try:
        return next((int(entry) for entry in os.listdir(f"/proc/{pid}/task") if entry != str(pid)), None)
    except OSError:
        return None


def anonymous_bytes(pid: int) -> int:
    """Resident memory that is no file's."""
    return _from_status(pid, b"RssAnon:") * 1024


def waited_seconds(pids: Iterable[int]) -> float:
    """The longest time for which one of these processes has been ready to run and was not let: the machine's fault."""
    return max((_queue_seconds(pid) for pid in pids), default=0.0)


def _queue_seconds(pid: int) -> float:
    try:
        with open(f"/proc/{pid}/schedstat", "rb") as file:
            return int(file.read().split()[1]) / 1e9
    except (OSError, IndexError, ValueError):
        return 0.0  # ended meanwhile, or a kernel that does not count it


def out_of_memory_kills() -> int:
    """How many processes of this machine the kernel has killed for lack of memory, as far as it tells."""
    try:
        with open("/proc/vmstat", "rb") as file:
            return next((int(line.split()[1]) for line in file if line.startswith(b"oom_kill ")), 0)
    except OSError:
        return 0


def _private_bytes(pid: int) -> int:
    slots = _from_status(pid, b"FDSize:")
    return anonymous_bytes(pid) + max(0, slots - _FREE_DESCRIPTORS) * _BUFFER_BYTES


def _proportional_bytes(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/smaps_rollup", "rb") as file:
            shared = next((int(line.split()[1]) * 1024 for line in file if line.startswith(b"Pss_Anon:")), None)
    except OSError:
        shared = None
    return _private_bytes(pid) if shared is None else shared + _private_bytes(pid) - anonymous_bytes(pid)


def _resident_shared_bytes(pid: int) -> int:
    return _from_status(pid, b"RssShmem:") * 1024


def _proportional_shared_bytes(pid: int) -> int:
    """Pages that several processes share count once."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", "rb") as file:
            return next((int(line.split()[1]) * 1024 for line in file if line.startswith(b"Pss_Shmem:")), 0)
    except OSError:
        return _resident_shared_bytes(pid)


def _from_status(pid: int, key: bytes) -> int:
    try:
        with open(f"/proc/{pid}/status", "rb") as file:
            return next((int(line.split()[1]) for line in file if line.startswith(key)), 0)
    except (OSError, ValueError):
        return 0  # ended meanwhile


def _disk_bytes(folder: str) -> int:
    """What lies below a folder that somebody may be changing: by descriptors, so that no link leads out of it."""
    total, pending = 0, [(os.open(folder, _FOLDER), iter((".",)))]
    try:
        while pending:
            place, names = pending[-1]
            if (name := next(names, None)) is None:
                os.close(pending.pop()[0])
                continue
            if len(pending) > _DEEPEST:
                return 1 << 62  # somebody hides files where nobody would look
            try:
                inner = os.open(name, _FOLDER, dir_fd=place)
            except OSError:
                continue  # gone, or no folder any more
            pending.append((inner, iter(())))
            held, folders = _held(inner)
            total += held
            pending[-1] = (inner, iter(folders))
    finally:
        for place, _ in pending:
            os.close(place)
    return total


def _deleted_bytes(pids: Iterable[int], device: int) -> int:
    """Files on that disk which stand in no folder any more, and are kept by a descriptor."""
    found: dict[int, int] = {}
    for pid in pids:
        for entry in _entries(f"/proc/{pid}/fd"):
            try:
                file = os.stat(entry.path)
            except OSError:
                continue
            if file.st_dev == device and file.st_nlink == 0 and stat.S_ISREG(file.st_mode):
                found[file.st_ino] = file.st_blocks * 512
    return sum(found.values())


def _held(place: int) -> tuple[int, list[str]]:
    """Bytes of a folder's own entries, and the names of those that are folders."""
    total, folders = 0, []
    for entry in _entries(place):
        try:
            found = entry.stat(follow_symlinks=False)
        except OSError:
            continue
        total += max(found.st_blocks * 512, _ENTRY_BYTES)
        if stat.S_ISDIR(found.st_mode):
            folders.append(entry.name)
    return total, folders


def _entries(folder: str | int) -> Iterable[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError:
        return ()


def empty_folder(folder: str) -> None:
    """Remove all below ``folder``, however deep: what lies deeper is moved up first, so that no path grows long."""
    spare: Iterator[str] = (f"{folder}/.emptied-{os.urandom(8).hex()}" for _ in iter(int, 1))
    pending = [folder]
    while pending:
        current = pending.pop()
        for entry in _entries(current):
            if not entry.is_dir(follow_symlinks=False):
                _try(os.unlink, entry.path)
                continue
            moved = entry.path if current == folder else next(spare)
            _try(os.chmod, entry.path, 0o700)
            _try(os.rename, entry.path, moved)
            pending.append(moved)
        if current != folder:
            _try(os.rmdir, current)


def _try(attempt: Callable[..., object], *arguments: object) -> None:
    try:
        attempt(*arguments)
    except OSError:
        pass  # what can't be removed stays; the keeper looks again
