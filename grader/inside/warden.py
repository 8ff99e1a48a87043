"""Stands between nursery and submission: builds the private root, samples the process tree, keeps limits, kills.

With namespaces it is pid 1 of the run's pid namespace, so its end is the end of every process in it. Without, it is a
child subreaper in a Landlock domain of its own, and kills everything that its signals can reach, which is its tree.
It holds nothing that a submission must not see, and tells the keeper of the clock, the memory and the wait status alone.
"""

from __future__ import annotations

import json
import math
import os
import select
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

from grader.inside import census, confine, kernel

SAMPLE_SECONDS = 0.05
_IDLE_SECONDS = 1.0  # while the child waits for a submission
_CUDA_BYTES = 1 << 30  # that starting it may cost a process of the machine's memory, at most
_SECOND_LOOK_SECONDS = 0.5  # between two exact figures of the memory of several processes, unless a limit seems broken


@dataclass(frozen=True, slots=True)
class Channels:
    """Descriptors that the keeper made for one run."""

    source: int  # keeper -> inside: the instance's public arrays and the submission's files; a socket
    result: int  # inside -> keeper: probe, status, weights
    log: int  # inside -> keeper: stdout and stderr
    report: int  # warden -> keeper: how the run ended
    leash: int  # keeper -> warden: a byte starts the clock, and its end closes when the run must end
    control_groups: tuple[int, ...] = ()  # the files that take in who writes "0" into them


def main(plan: confine.Plan, channels: Channels, ready: int, inside: Callable[[], NoReturn]) -> NoReturn:
    """Run one confined child to its end and report it. ``ready`` reads one byte once the user namespace is mapped."""
    nursery = os.getppid()  # 0, as seen from a pid namespace of one's own
    os.setsid()
    if plan.namespaces:
        kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)  # and with it ends every process of the namespace
        if os.read(ready, 1) != b"1":
            os._exit(71)
        confine.build_private_root(plan)
    own_domain = plan.namespaces or _enter_signal_domain(nursery, plan)
    kernel.prctl(kernel.PR_SET_DUMPABLE, 0)
    watch = _Watch(plan, channels.leash, nursery)
    child = os.fork()
    if child == 0:
        kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
        os.close(channels.report)
        os.close(channels.leash)
        for group in channels.control_groups:
            os.write(group, b"0")
            os.close(group)
        inside()
    for fd in (channels.source, channels.result, channels.log, *channels.control_groups):
        os.close(fd)
    status, killed, peak = watch.until_end(child)
    survivors = _end_everything(own_domain, plan.uid)
    if not plan.namespaces:
        census.empty_folder(plan.scratch)
    record = {
        "status": status,
        "killed": killed,
        "survivors": survivors,
        "cpu_seconds": watch.cpu_seconds(),
        "peak_memory_bytes": peak,
        "machine_lacks_memory": watch.machine_lacks_memory(),
    }
    os.write(channels.report, json.dumps(record).encode())
    os._exit(0)


def _enter_signal_domain(nursery: int, plan: confine.Plan) -> bool:
    """True where signals then reach this process's Landlock domain alone; kill(-1) would be murder anywhere else."""
    kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)
    if "landlock" in plan.without or kernel.landlock_abi() < 6:
        return False
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    kernel.landlock((), files=False)
    try:
        os.kill(nursery, 0)  # of the same user, so that nothing but the domain can forbid it
    except PermissionError:
        return os.getppid() == nursery
    return False


class _Watch:
    """Waits for the child's end, a broken limit or the keeper's word, whichever comes first."""

    def __init__(self, plan: confine.Plan, leash: int, nursery: int) -> None:
        folders, scratch = (("/tmp", "/dev/shm"), None) if plan.namespaces else ((), plan.scratch)
        self._plan, self._leash, self._nursery = plan, leash, nursery
        self._census = census.Census(folders, scratch, counts_shared=plan.gpu is not None)
        self._inherited = census.anonymous_bytes(os.getpid())  # the interpreter's own, before anything of the run
        self._lack = census.out_of_memory_kills()
        self._started: float | None = None  # when the source was handed over
        self._peak = 0
        self._cpu_seconds = 0.0
        self._cpu_before = 0.0  # the submission
        self._second_look = 0.0  # when the next exact figure is due

    def until_end(self, child: int) -> tuple[int, str | None, int]:
        """The child's wait status, why it was killed if it was, and the run's peak of memory in bytes."""
        poll = select.poll()
        poll.register(pidfd := os.pidfd_open(child), select.POLLIN)
        poll.register(self._leash, select.POLLIN | select.POLLHUP)
        while True:
            pause = _IDLE_SECONDS if self._started is None else SAMPLE_SECONDS
            events = {fd for fd, _ in poll.poll(pause * 1000)}
            if pidfd in events:
                killed = None
                break
            _reap_all_but(child)
            if killed := self._why_end(events):
                os.kill(child, signal.SIGKILL)
                break
        _, status, used = os.wait4(child, 0)
        return status, killed, max(self._peak, used.ru_maxrss * 1024 - self._inherited, 0)

    def cpu_seconds(self) -> float:
        """Of the whole run, once nothing of it is left."""
        return max(self._cpu_seconds, self._census.sample().cpu_seconds - self._cpu_before)

    def machine_lacks_memory(self) -> bool:
        return census.out_of_memory_kills() > self._lack

    def _why_end(self, events: set[int]) -> str | None:
        if self._leash in events:
            if not os.read(self._leash, 1):
                return "leash"
            self._started = time.monotonic()
            if self._plan.gpu:  # starting CUDA has cost memory and time that are not the submission's
                before = self._census.sample()
                self._inherited = max(self._inherited, min(before.memory_bytes, self._inherited + _CUDA_BYTES))
                self._cpu_before = before.cpu_seconds
        if os.getppid() != self._nursery:
            return "orphaned"
        return self._broken_limit() if self._started is not None else None

    def _broken_limit(self) -> str | None:
        usage = self._census.sample()
        used = usage.cpu_seconds - self._cpu_before
        self._cpu_seconds = max(self._cpu_seconds, used)
        if self._plan.cpu_seconds is not None and used > self._plan.cpu_seconds:
            return "cpu"
        if self._overdue(usage):
            return "wall"
        return "memory" if self._memory_bytes(usage) > self._plan.memory_bytes else None

    def _overdue(self, usage: census.Usage) -> bool:
        """Slept for too long. On a busy machine a run also waits for a processor, which is no fault of the submission's."""
        passed = time.monotonic() - (self._started or math.inf)
        if self._plan.wall_seconds is None or passed <= self._plan.wall_seconds:
            return False
        return passed - census.waited_seconds(usage.processes) > self._plan.wall_seconds

    def _memory_bytes(self, usage: census.Usage) -> int:
        """Beyond what the interpreter had. Forked processes share pages, so their sum is looked at twice."""
        held, now = usage.memory_bytes, time.monotonic()
        if len(usage.processes) > 1:
            if held - self._inherited <= self._plan.memory_bytes and now < self._second_look:
                return 0  # the sum itself is below the limit
            held = self._census.confirmed_memory(usage)
            self._second_look = now + _SECOND_LOOK_SECONDS
        self._peak = max(self._peak, held - self._inherited)
        return held - self._inherited


def _reap_all_but(child: int) -> None:
    """Bury orphans, which would count against the limit on processes; the child's own end is waited for elsewhere."""
    while (found := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)) and found.si_pid != child:
        os.waitpid(found.si_pid, 0)


def _end_everything(own_domain: bool, own_uid: int | None) -> int:
    """Leave no descendant behind. Returns how many there were. One kill(-1) is quicker than any fork bomb."""
    ended = 0
    while True:
        if own_domain:
            _kill(-1)
        elif own_uid is not None:
            _kill_all_of(own_uid)
        for pid in census.descendants(census.all_tasks(), os.getpid()) if not own_domain else ():
            _kill(pid)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                ended += 1
        except ChildProcessError:
            return ended
        time.sleep(0.001)


def _kill_all_of(uid: int) -> None:
    """By a process that becomes this run's own user, so that its kill(-1) reaches nobody else."""
    helper = os.fork()
    if helper == 0:
        try:
            os.setresuid(uid, uid, uid)
            _kill(-1)
        finally:
            os._exit(0)
    os.waitpid(helper, 0)


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except OSError:
        pass  # it has ended by itself
