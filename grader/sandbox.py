"""The keeper's side of a run: nursery, clock, kill, collect.

Theory of operation. The keeper (this process) holds the secret and the hidden data. It execs one nursery
(``grader.inside``), a clean interpreter with torch imported, and asks it for one warden and one confined child per run.
Four pipes and a socket join them, made by the keeper for each run::

    source   keeper -> inside   the instance's public data and the submission's files, once the confinement is proved
    result   inside -> keeper   probe report, stage, status record (a claim), then 569,384 bytes of weights
    log      inside -> keeper   stdout and stderr, capped
    report   warden -> keeper   wait status, CPU time, memory
    leash    keeper -> warden   a byte starts the warden's clock; closed by the keeper when the run must end

What the keeper believes: its own clock, the warden's wait status and sums, a byte count, and bytes that the gate has
checked. Whatever arrives on ``result`` after the source was handed over is the student's: it can choose among verdicts
that are worth nothing, or be weights. Nothing waits for an end of file that a survivor could hold open.
"""

from __future__ import annotations

import os
import resource
import shutil
import tempfile
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from grader import cards, handover
from grader.cards import Card
from grader.cgroup import ControlGroup, ControlGroups
from grader.conversation import Conversation
from grader.errors import GraderError, NoGpuError
from grader.handover import SLOW_IMPORTS, PublicData
from grader.nursery import START_SECONDS, Nursery, NurseryKilledError
from grader.records import LAYERS, Isolation, Run, Submission
from grader.rubric import LimitsSection, Rubric
from grader.seats import Seat, Seats, Watch
from grader.standby import Ready, Standby
from grader.turns import Turns

_CUDA_BYTES = 1 << 30  # of the machine's memory at most, for CUDA itself in a run with a GPU
_STARTS = 3  # of a nursery, before it is given up


class Sandbox:
    """Owns the nursery. Open it with ``with``; ``run`` may be called from several threads, one per slot."""

    def __init__(
        self,
        rubric: Rubric,
        *,
        forbidden: tuple[Path, ...],
        without: Collection[str] = (),
        standby: bool = False,
        cards: Sequence[Card] = (),
    ) -> None:
        """``forbidden`` paths must be out of every child's reach: each child tries to open them before it may start.

        ``without`` switches off ``LAYERS``: all of them for practice on one's own code, some of them to prove that an
        attack succeeds where they are missing. With ``standby`` children are confined ahead of the runs that need them.
        ``cards`` are the GPUs that runs may use, one each.
        """
        if unknown := set(without) - set(LAYERS):
            raise ValueError(f"no such layers: {', '.join(sorted(unknown))}; expected some of {', '.join(LAYERS)}")
        self._rubric = rubric
        self._forbidden = [str(path.absolute()) for path in forbidden]
        self._without = set(without)
        self._groups = ControlGroups.none("switched off")
        self._lock = threading.Lock()
        self._slots: set[int] = set()
        self._warmed: set[str] = set()
        self._cold: set[str] = set()  # packages that start threads when they are imported
        self._nursery: Nursery | None = None
        self._closed = False
        self._standby = Standby(self._prepared) if standby else None
        self._turns = Turns()
        self._cards = tuple(cards)
        self._seats: Seats | None = None
        self._under_way = 0
        self._runs = 0
        self.generation = 0  # of the nursery
        self.isolation = Isolation("L0", ())

    @property
    def kind(self) -> str:
        """Of the device that submissions run on: cpu or cuda."""
        return "cuda" if self._seats else "cpu"

    @property
    def room(self) -> int:
        """Runs at a time that the GPUs have room for; 0 without any, for as many as anybody wants."""
        return self._seats.count if self._seats else 0

    def vacate(self) -> None:
        """End the children that stand by, and with them what they have of a GPU."""
        if self._standby:
            self._standby.drain()

    def __enter__(self) -> Self:
        try:
            _raise_own_limit_on_descriptors()
            if "control group" not in self._without:
                self._groups = ControlGroups.find()  # first, since this process may move into one
            self._nursery = self._new_nursery()
            for card in self._cards:
                cards.wake(card)
                must_be_open_to_runs(card)
            if self._cards:
                self._seats = Seats(self._cards, self._rubric.limits.gpu_memory_bytes)
            self.isolation = self._establish()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End the nursery and with it every run; from any thread, more than once."""
        self._closed = True
        if nursery := self._nursery:
            nursery.close()
        if self._standby:
            self._standby.close()

    def run(
        self,
        submission: Submission,
        data: PublicData,
        *,
        packages: frozenset[str] = frozenset(),
        parameters: Mapping[str, Any] | None = None,
    ) -> Run:
        """Run ``prune(model, **parameters)`` on one instance. Raises GraderError where the grader itself failed.

        Where runs share a user, the kernel counts their processes together. A run that fails beside others is then repeated
        alone, so that nobody fails for what a neighbour has used up. One that was killed is repeated as well: the machine's
        operator may have done it, who won't do it twice.
        """
        self._warm(packages)
        bundle = handover.bundle(submission, data, parameters or {})
        try:
            with self._turns.beside_others() as had_company:
                run = self._one_run(bundle, data)
                is_doubtful = self._is_doubtful(run, had_company())
            if is_doubtful or run.unexplained_kill:
                with self._turns.alone() if is_doubtful else self._turns.beside_others():
                    run = self._one_run(bundle, data)
            return run
        except OSError as error:
            raise GraderError(f"a run could not be prepared: {error}") from error

    def stand_by(self) -> None:
        """Confine a child for the next run ahead."""
        if self._standby:
            self._standby.refill(1)

    def _is_doubtful(self, run: Run, had_company: bool) -> bool:
        """Whether others may be the reason that a run failed: then it is repeated without any."""
        if run.failure is None:
            return False
        if self._seats:  # on a GPU runs wait for each other, share its memory, and end by its faults
            is_by_memory = run.failure.verdict == "out_of_memory" and not self._seats.names_processes
            return had_company or is_by_memory
        return run.failure.verdict != "timed_out" and self._runs_share_a_user and had_company

    @property
    def _runs_share_a_user(self) -> bool:
        return not {"namespaces", "own user"} & set(self.isolation.layers)

    def _one_run(self, bundle: bytes, data: PublicData) -> Run:
        with self._one_more() as several, self._child() as ready:
            if ready.layers != self.isolation.layers:
                raise GraderError(f"a child was confined by {', '.join(ready.layers)}, not {', '.join(self.isolation.layers)}")
            if self._standby and several:
                self._standby.refill(min(self._under_way, self.room or self._under_way))  # or they would take each other's seats
            return ready.conversation.await_result(bundle, data.fd)

    @contextmanager
    def _one_more(self) -> Iterator[bool]:
        """Count a run while it is under way. Whether there has been one before, and so may be one after it."""
        with self._lock:
            self._under_way += 1
            self._runs += 1
            several = self._runs > 1
        try:
            yield several
        finally:
            with self._lock:
                self._under_way -= 1

    @contextmanager
    def _child(self) -> Iterator[Ready]:
        """A confined child that waits for a submission, and the end of it."""
        ready = (self._standby and self._standby.take(self._vintage)) or self._prepared()
        try:
            yield ready
        finally:
            ready.close()

    @property
    def _vintage(self) -> object:
        return self.generation, len(self._warmed)

    def recover(self, generation: int, *, force: bool) -> bool:
        """After a failed run: a fresh nursery if the one of that ``generation`` is gone, or if ``force`` is set.

        False where that nursery had been replaced already, for the sake of another run.
        """
        with self._lock:
            if generation != self.generation:
                return False
            if force or not self._living().alive:
                self._replace_nursery()
            return True

    def _replace_nursery(self) -> None:
        self._living().close()
        self._warmed.clear()
        self.generation += 1  # which what stands by is of no more
        self._nursery = self._new_nursery()

    def _new_nursery(self) -> Nursery:
        inherited = dict(os.environ) if "environment" in self._without else {}
        start = partial(
            Nursery,
            self._forbidden,
            self._rubric.allow.packages,
            private_roots="namespaces" not in self._without,
            inherited=inherited,
        )
        for _ in range(_STARTS - 1):
            with suppress(NurseryKilledError):
                return start()
        return start()

    # --- establishing -------------------------------------------------------------------------------------------------

    def _establish(self) -> Isolation:
        """What holds here, proved by a throw-away child: with namespaces if they can be had, else without."""
        missing = {layer: "switched off" for layer in LAYERS if layer in self._without}
        if self._groups.missing:
            missing["control group"] = self._groups.missing
        if "namespaces" not in self._without:
            try:
                return self._prove_twice(missing)
            except NoGpuError:
                raise
            except GraderError as error:
                missing["namespaces"] = str(error)
                self._without.add("namespaces")
                self._replace_nursery()
        if self._seats:  # what CUDA needs of /proc would show other processes there
            why = missing.get("namespaces", "switched off")
            raise NoGpuError(f"a submission may use a GPU only in a private root, and namespaces are missing: {why}")
        try:
            return self._prove_twice(missing)
        except GraderError as error:
            raise GraderError(f"{error} (namespaces: {missing['namespaces']})") from None

    def _prove_twice(self, missing: dict[str, str]) -> Isolation:
        """A child or a nursery that somebody has killed says nothing of what this machine offers; a second one does."""
        try:
            return self._prove(missing)
        except NoGpuError:
            raise
        except GraderError:
            self._replace_nursery()
            return self._prove(missing)

    def _prove(self, missing: dict[str, str]) -> Isolation:
        ready = self._prepared()
        try:
            if self._seats and ready.conversation.watch:
                self._seats.learn(ready.conversation.watch)
            return judged(ready.layers, missing, ready.conversation.unforbidden, gpu=self._seats is not None)
        finally:
            ready.close()
            if self._seats:
                self._seats.settle()

    def _prepared(self) -> Ready:
        """A child that is confined and has proved it. Raises GraderError where that can't be had."""
        limits, vintage = self._rubric.limits, self._vintage
        with ExitStack() as stack:
            slot = stack.enter_context(_Slot(self._slots, self._lock))
            scratch = stack.enter_context(self._scratch(slot))
            seat = stack.enter_context(self._seats.one()) if self._seats else None
            memory = limits.memory_bytes + (_CUDA_BYTES if seat else 0)
            group = stack.enter_context(self._groups.one(slot, memory_bytes=memory, tasks=_tasks(limits) + 1))

            def start_child(theirs: tuple[int, ...]) -> tuple[int, Watch | None]:
                pidfd, pid = self._start_child(slot, scratch, group, theirs, seat)
                return pidfd, self._seats.watch(seat, pid) if self._seats and seat else None

            conversation = stack.enter_context(Conversation(limits, start_child, group))
            layers = conversation.await_probe()
            return Ready(conversation, layers, vintage, stack.pop_all())

    @contextmanager
    def _scratch(self, slot: int) -> Iterator[str]:
        """The one folder that a child may write: in its private root, or without one a folder of the host's for each run."""
        if "namespaces" not in self._without:
            yield "/tmp"
            return
        folder = tempfile.mkdtemp(prefix="prunegrade-run-")
        try:
            if (uid := self._uid(slot)) is not None:
                os.chown(folder, uid, uid)
            yield folder
        finally:
            # The warden has emptied it, however deep it was; what a lost warden left is removed as far as it goes.
            with suppress(RecursionError):
                shutil.rmtree(folder, ignore_errors=True)

    def _warm(self, packages: frozenset[str]) -> None:
        """Have the nursery import what is slow to import, once a submission names it."""
        wanted = sorted(name for name in packages & SLOW_IMPORTS.keys() if name not in self._warmed | self._cold)
        if not wanted:
            return
        with self._lock:
            self._warmed |= set(wanted)
            names = [module for name in wanted for module in SLOW_IMPORTS[name]]
            reply, _ = self._living().ask({"warm": names}, (), seconds=START_SECONDS)
            if reply.get("threads") != 1:  # a process with threads can't be forked safely: the children import it themselves
                self._cold |= set(wanted)
                self._replace_nursery()

    def _living(self) -> Nursery:
        if self._closed or not self._nursery:
            raise GraderError("the sandbox is closed")
        return self._nursery

    def _uid(self, slot: int) -> int | None:
        return None if "own user" in self._without else own_uid(slot)

    def _start_child(
        self, slot: int, scratch: str, group: ControlGroup, fds: tuple[int, ...], seat: Seat | None
    ) -> tuple[int, int]:
        """Ask the nursery for a warden and its child. Returns the warden's pidfd and its process id."""
        limits = self._rubric.limits
        plan = {
            "without": sorted(self._without),
            "scratch": scratch,
            "uid": self._uid(slot) if "namespaces" in self._without else None,
            "allow_exec": self._rubric.allow.exec,
            "memory_bytes": limits.memory_bytes,
            "file_bytes": limits.file_bytes,
            "cpu_seconds": None if limits.clock == "wall" else limits.cpu_seconds,
            "wall_seconds": limits.wall_seconds if limits.clock == "cpu" else None,
            "processes": _tasks(limits),
            "control_groups": group.names,
            "gpu": self._gpu(seat) if seat else None,
        }
        message = {"plan": plan, "setting": handover.setting(self._rubric, self.kind), "outer_uid": self._uid(slot)}
        with self._lock:
            reply, received = self._living().ask(message, (*fds, *group.entrances), seconds=START_SECONDS)
        if "error" in reply or not received:
            raise GraderError(f"no child could be started: {reply.get('error', 'the nursery sent no handle')}")
        return received[0], reply["pid"]

    def _gpu(self, seat: Seat) -> dict[str, object]:
        """What a child is given of its GPU, and what it must not reach."""
        return {
            "nodes": seat.card.nodes,
            "readable": seat.card.readable,
            "others": cards.others(seat.card),
            "libraries": cards.libraries(),
            "environment": cards.environment(seat.card),
            "share": seat.share(self._rubric.limits.gpu_memory_bytes),
        }


_OWN_UIDS, _PIDS, _SLOTS = 2_000_000_000, 1 << 22, 512
_CHOWN_SETGID_SETUID = 1 << 0 | 1 << 6 | 1 << 7  # of capabilities(7)


def own_uid(slot: int) -> int | None:
    """A user of its own for each concurrent run when the grader is root, out of the ids that this machine has."""
    if os.getuid() != 0 or not _may_change_users():
        return None
    with open("/proc/self/uid_map") as mapping:
        highest = max(int(inner) + int(count) for inner, _, count in (line.split() for line in mapping))
    if highest > _OWN_UIDS + (_PIDS + 1) * _SLOTS:
        return _OWN_UIDS + os.getpid() % _PIDS * _SLOTS + slot % _SLOTS  # two graders at a time don't share users either
    return max(1, highest - 4096) + slot


def _raise_own_limit_on_descriptors() -> None:
    """The kernel counts those on their way between processes for a whole user, and lets nobody send beyond their own limit.

    Where runs share the grader's user, one of them could otherwise keep it from starting others.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def must_be_open_to_runs(card: Card) -> None:
    """Raises NoGpuError where the driver's device files are for a group that no run is in."""
    needed = 0o006 if os.getuid() == 0 else 0  # as root a run is a user of its own
    for node in card.nodes:
        if os.stat(node).st_mode & needed != needed or not os.access(node, os.R_OK | os.W_OK):
            remedy = "set NVreg_DeviceFileMode=0666 for the driver's module nvidia"
            raise NoGpuError(f"{node} is not open to the user that a submission runs as; {remedy}")


def _may_change_users() -> bool:
    """Root in a container may lack the capabilities for it."""
    with open("/proc/self/status") as status:
        held = next((int(line.split()[1], 16) for line in status if line.startswith("CapEff:")), 0)
    return held & _CHOWN_SETGID_SETUID == _CHOWN_SETGID_SETUID


def _tasks(limits: LimitsSection) -> int:
    """Processes and threads together, as the kernel counts them."""
    return limits.processes + limits.threads


def judged(
    layers: tuple[str, ...], missing: Mapping[str, str], unforbidden: tuple[str, ...] = (), *, gpu: bool = False
) -> Isolation:
    """The level: L3 files, network, processes and memory held by the kernel; L2 own user or Landlock, with seccomp.

    L1 limits alone, L0 nothing. Memory is held by a control group, or by the limits and the warden's samples together; with
    a GPU by a control group alone, since CUDA needs more addresses than any limit would leave it.
    """
    has = set(layers)
    files = bool(has & {"namespaces", "landlock", "own user"})
    filtered = "seccomp" in has
    processes = bool(has & {"namespaces", "own user"})
    memory = "control group" in has or ("limits" in has and not gpu)
    if files and filtered and processes and memory and {"limits", "capabilities", "descriptors", "environment"} <= has:
        level = "L3"
    elif files and filtered and {"capabilities", "descriptors", "environment"} <= has:
        level = "L2"
    else:
        level = "L1" if "limits" in has else "L0"
    unoffered = {layer: "this kernel does not offer it" for layer in ("landlock", "seccomp") if layer not in has}
    return Isolation(level, layers, unoffered | dict(missing), unforbidden)


class _Slot:
    """The smallest free number, so that concurrent children get users of their own."""

    def __init__(self, taken: set[int], lock: threading.Lock) -> None:
        self._taken, self._lock = taken, lock

    def __enter__(self) -> int:
        with self._lock:
            self._number = next(n for n in range(len(self._taken) + 1) if n not in self._taken)
            self._taken.add(self._number)
            return self._number

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._taken.discard(self._number)
