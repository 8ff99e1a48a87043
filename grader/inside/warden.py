"""Stands between nursery and submission: builds the private root, samples the process tree, keeps limits, kills.

With namespaces it is pid 1 of the run's pid namespace, so its end is the end of every process in it. Without, it is a
child subreaper in a Landlock domain of its own, and kills everything that its signals can reach, which is its tree.
It holds nothing that a submission must not see, and tells the keeper of the clock, the memory and the wait status alone.
"""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

from grader.inside import confine, kernel

SAMPLE_SECONDS = 0.05
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Channels:
    """Descriptors that the keeper made for one run."""

    source: int  # keeper -> inside: the submission's files
    result: int  # inside -> keeper: probe, status, weights
    log: int  # inside -> keeper: stdout and stderr
    report: int  # warden -> keeper: how the run ended
    leash: int  # keeper -> warden: its end closes when the run must end
    data: int  # the instance's public arrays, read only


@dataclass(frozen=True, slots=True)
class Usage:
    cpu_seconds: float
    memory_bytes: int
    processes: int


def main(plan: confine.Plan, channels: Channels, ready: int, inside: Callable[[], NoReturn]) -> NoReturn:
    """Run one confined child to its end and report it. ``ready`` reads one byte once the user namespace is mapped."""
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    os.setsid()
    if plan.namespaces:
        if os.read(ready, 1) != b"1":
            os._exit(71)
        confine.build_private_root(plan)
    else:
        kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)
        if kernel.landlock_abi() >= 6:
            kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
            kernel.landlock((), files=False)
    kernel.prctl(kernel.PR_SET_DUMPABLE, 0)
    inherited = _anonymous_bytes(os.getpid())
    child = os.fork()
    if child == 0:
        kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
        os.close(channels.report)
        os.close(channels.leash)
        inside()
    for fd in (channels.source, channels.result, channels.log, channels.data):
        os.close(fd)
    record = _watch(plan, child, channels.leash, inherited)
    os.write(channels.report, json.dumps(record).encode())
    _end_everything(plan)
    os._exit(0)


def _watch(plan: confine.Plan, child: int, leash: int, inherited: int) -> dict[str, object]:
    """Wait for the child's end, a broken limit or the keeper's word, whichever comes first."""
    pidfd = os.pidfd_open(child)
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    poll.register(leash, select.POLLHUP)
    peak, killed = 0, None
    while True:
        events = {fd for fd, _ in poll.poll(SAMPLE_SECONDS * 1000)}
        usage = _tree_usage()
        peak = max(peak, usage.memory_bytes)
        if pidfd in events:
            break
        if leash in events:
            killed = "leash"
        elif plan.cpu_seconds is not None and usage.cpu_seconds > plan.cpu_seconds:
            killed = "cpu"
        elif usage.memory_bytes > plan.memory_bytes + inherited:
            killed = "memory"
        if killed:
            os.kill(child, signal.SIGKILL)
            break
    _, status, used = os.wait4(child, 0)
    after = _tree_usage()
    return {
        "status": status,
        "killed": killed,
        "cpu_seconds": max(usage.cpu_seconds, after.cpu_seconds),
        "peak_memory_bytes": max(peak, used.ru_maxrss * 1024),
        "survivors": after.processes,
    }


def _tree_usage() -> Usage:
    """What every descendant uses, and what the ended ones used.

    Time of a grandchild that its parent does not wait for is lost to the sum once it has ended; RLIMIT_CPU and the
    limit on processes bound what that can hide.
    """
    parents: dict[int, int] = {}
    ticks: dict[int, int] = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/stat", "rb") as stat:
                fields = stat.read().rpartition(b")")[2].split()  # the name before it may hold anything
        except OSError:
            continue  # ended between listing and reading
        if fields[0] != b"Z":
            parents[int(entry)] = int(fields[1])
            ticks[int(entry)] = sum(int(field) for field in fields[11:15])
    tree = _descendants(parents, os.getpid())
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Usage(
        cpu_seconds=sum(ticks[pid] for pid in tree) / _TICKS + ended.ru_utime + ended.ru_stime,
        memory_bytes=sum(_anonymous_bytes(pid) for pid in tree),
        processes=len(tree),
    )


def _descendants(parents: dict[int, int], root: int) -> set[int]:
    children: dict[int, list[int]] = {}
    for pid, parent in parents.items():
        children.setdefault(parent, []).append(pid)
    found: set[int] = set()
    pending = [root]
    while pending:
        for pid in children.get(pending.pop(), ()):
            if pid not in found:
                found.add(pid)
                pending.append(pid)
    return found


def _anonymous_bytes(pid: int) -> int:
    """Resident memory that is the process's own, not a library's file."""
    total = 0
    try:
        with open(f"/proc/{pid}/status", "rb") as status:
            for line in status:
                if line.startswith((b"RssAnon:", b"RssShmem:")):
                    total += int(line.split()[1]) * 1024
    except (OSError, ValueError):
        return 0
    return total


def _end_everything(plan: confine.Plan) -> None:
    """Leave no descendant behind. In a pid namespace the kernel does it when its pid 1, this process, ends."""
    if plan.namespaces:
        return
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if _own_signal_domain():
            try:
                os.kill(-1, signal.SIGKILL)
            except OSError:
                pass
        else:
            for pid in _descendants(_parents(), os.getpid()):
                try:
                    os.kill(pid, signal.SIGKILL)
                except OSError:
                    pass
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(0.001)


def _own_signal_domain() -> bool:
    """True where signals reach this process's Landlock domain alone; kill(-1) would be murder anywhere else."""
    try:
        os.kill(os.getppid(), 0)
    except PermissionError:
        return True
    except OSError:
        return False
    return False


def _parents() -> dict[int, int]:
    parents = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat", "rb") as stat:
                    parents[int(entry)] = int(stat.read().rpartition(b")")[2].split()[1])
            except OSError:
                continue
    return parents
