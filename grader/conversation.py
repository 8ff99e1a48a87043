"""The pipes and the clock of one run, as the keeper holds them. Which pipe joins whom stands in ``sandbox``.

Nothing here waits for an end of file that a survivor could hold open, reads more than was agreed, or believes a record.
"""

from __future__ import annotations

import fcntl
import json
import os
import select
import signal
import socket
import time
from collections.abc import Callable
from typing import Any, Protocol, Self

from grader import evidence
from grader.cgroup import ControlGroup
from grader.errors import GraderError, NoGpuError
from grader.evidence import WEIGHTS_BYTES
from grader.incoming import RECORD_BYTES, RECORDS, Log, take_record
from grader.nursery import START_SECONDS
from grader.records import Run, Stage
from grader.rubric import LimitsSection

_BUSY = 4  # times the wall limit at most, for a run that waits for a processor while the clock is the CPU's
_GONE = (BrokenPipeError, ConnectionResetError)  # the child at a socket's other end, as its warden's report will explain
_END_SECONDS = 60.0  # a warden on a busy machine needs its time; without namespaces nobody else kills so surely
_LOOK_SECONDS = 0.1  # between two looks at a GPU's memory
_RESULT_PIPE_BYTES = 1 << 20  # so that the weights fit in at once


class Watch(Protocol):
    """Who sees from outside what a run holds of a GPU."""

    def is_over(self) -> bool: ...

    def named_bytes(self) -> int | None: ...


class Conversation:
    """The pipes and the clock of one run, from asking for a child until nothing of it is left."""

    def __init__(
        self, limits: LimitsSection, start_child: Callable[[tuple[int, ...]], tuple[int, Watch | None]], group: ControlGroup
    ) -> None:
        """``start_child`` gets the child's ends (source, result, log, report, leash).

        It returns the warden's pidfd, and who watches the child's GPU memory if it has any.
        """
        self._limits = limits
        self._group = group
        self.unforbidden: tuple[str, ...] = ()  # what the probe did not try, since no layer in force forbids it
        self._log = Log(limits.log_bytes)
        self._incoming = bytearray()  # of the result pipe
        self._report = b""
        self._handed_over = False  # to the submission: what ends a run before that is not its own doing
        self._killed: str | None = None  # by this side, for want of memory
        self.watch: Watch | None = None
        self._open: set[int] = set()
        theirs: tuple[int, ...] = ()
        try:
            source_r, self._source = (end.detach() for end in socket.socketpair())
            self._open |= {source_r, self._source}
            self._result, result_w = self._pipe(_RESULT_PIPE_BYTES)
            self._logged, log_w = self._pipe()
            self._reported, report_w = self._pipe()
            leash_r, self._leash = self._pipe()
            theirs = (source_r, result_w, log_w, report_w, leash_r)
            self._pidfd, self.watch = start_child(theirs)
            self._open.add(self._pidfd)
        except BaseException:
            self.__exit__()
            raise
        for fd in theirs:
            self._close(fd)
        for fd in (self._result, self._logged, self._reported, self._source):
            os.set_blocking(fd, False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if getattr(self, "_pidfd", None) in self._open:
            self._end()
        for fd in tuple(self._open):
            self._close(fd)

    def await_probe(self) -> tuple[str, ...]:
        """Wait until the child is confined and has proved it. Nothing of the student's has reached it yet."""
        deadline = time.monotonic() + START_SECONDS
        while True:
            record = take_record(self._incoming)
            if record is not None:
                break
            if not self._pump(deadline) or self._ended():
                self._end()
                raise GraderError(f"a child could not be confined: {self._why_unconfined()}")
        if "no_gpu" in record:
            self._drain_result()
            why = "; ".join(filter(None, (str(record["no_gpu"]), self._last_line())))
            raise NoGpuError(f"a submission can't use the GPU in its confinement: {why}")
        if "broken" in record:
            raise GraderError(f"a child could not be confined: {record['broken']}")
        if record.get("wrong"):
            raise GraderError(f"the confinement does not hold: {', '.join(record['wrong'])}")
        self.unforbidden = tuple(record.get("open", ()))
        return tuple(record.get("layers", ()))

    @property
    def waits(self) -> bool:
        """Whether the child is still there, as far as can be told without asking it."""
        return self._pump(time.monotonic() + 1, patience=0.0) and not self._ended()

    def await_result(self, bundle: bytes, data: int) -> Run:
        """Hand over the source with the descriptor of the instance's ``data``, and follow the run to its end."""
        started = time.monotonic()
        os.write(self._leash, b"1")  # the warden's clock starts as well
        pending = memoryview(bundle)[self._hand_over_first(bundle[:8], data) :]
        deadline = started + self._limits.wall_seconds * (_BUSY if self._limits.clock == "cpu" else 1)
        stage: Stage = "import"
        status: dict[str, Any] | None = None
        overdue = False
        for _ in range(RECORDS):
            record, pending = self._next_record(deadline, pending)
            if record is None:
                overdue = time.monotonic() >= deadline
                break
            if "claim" in record:
                status, self._handed_over = record, True
                break
            self._handed_over = True
            stage = "prune" if record.get("stage") == "prune" else stage
        weights = self._take_weights(deadline) if status and status.get("claim") == "returned" else None
        overdue = overdue or (weights is None and time.monotonic() >= deadline)
        seconds = time.monotonic() - started
        self._end()
        return self._concluded(status, weights, stage, seconds, overdue)

    # --- what came ----------------------------------------------------------------------------------------------------

    def _concluded(
        self, status: dict[str, Any] | None, weights: bytes | None, stage: Stage, seconds: float, overdue: bool
    ) -> Run:
        report = self._parsed_report()
        failure = None
        if weights is None:
            found = evidence.Evidence(
                claim=status,
                stage=stage,
                overdue=overdue,
                killed=self._killed or ("memory" if self._group.ran_out_of_memory() else report.get("killed")),
                wait_status=report.get("status"),
                cpu_seconds=float(report.get("cpu_seconds", 0.0)),
                peak_memory_bytes=int(report.get("peak_memory_bytes", 0)),
                machine_lacks_memory=bool(report.get("machine_lacks_memory")) and not self._group.counts_kills,
            )
            broken = self._warden_says("broken") or "the warden was lost"
            failure = evidence.failure(found, self._limits, f"a run ended without its warden's report: {broken}")
            if failure.verdict in ("exited", "crashed") and not self._handed_over:
                raise GraderError(f"a run ended before its submission was imported: {self._last_line() or failure.message}")
        notes = evidence.notes(status)
        if weights is not None and (self._incoming or report.get("survivors")):
            notes += ("something of the submission was still running or writing after prune(model) had returned",)
        return Run(
            weights=weights,
            failure=failure,
            notes=notes,
            log=self._log.text(),
            log_truncated=self._log.truncated,
            seconds=seconds,
            cpu_seconds=float(report.get("cpu_seconds", 0.0)),
            peak_memory_bytes=int(report.get("peak_memory_bytes", 0)),
            unexplained_kill=failure is not None and evidence.is_unexplained_kill(failure, report.get("status")),
        )

    def _next_record(self, deadline: float, pending: memoryview) -> tuple[dict[str, Any] | None, memoryview]:
        while True:
            if (record := take_record(self._incoming)) is not None:
                return record, pending
            if pending:
                pending = self._hand_over(pending)
            alive = self._pump(deadline, writing=bool(pending))
            if not alive or self._ended() or self._over_memory():
                self._drain_result()
                return take_record(self._incoming), pending

    def _hand_over_first(self, head: bytes, data: int) -> int:
        """The first bytes, which are what the descriptor travels with. Returns how many were taken."""
        with socket.socket(fileno=os.dup(self._source)) as source:
            try:
                return socket.send_fds(source, [head], [data])
            except _GONE:
                return 0

    def _hand_over(self, pending: memoryview) -> memoryview:
        try:
            pending = pending[os.write(self._source, pending) :]
        except BlockingIOError:
            return pending
        except _GONE:
            return pending[:0]
        if not pending:
            self._close(self._source)
        return pending

    def _take_weights(self, deadline: float) -> bytes | None:
        while len(self._incoming) < WEIGHTS_BYTES:
            if not self._pump(deadline) or self._ended() or self._over_memory():
                self._drain_result()
                break
        if len(self._incoming) < WEIGHTS_BYTES:
            return None
        weights = bytes(self._incoming[:WEIGHTS_BYTES])
        del self._incoming[:WEIGHTS_BYTES]
        return weights

    def _over_memory(self) -> bool:
        """Whether the run has used up its memory, or its GPU's: then it must end."""
        if self._group.ran_out_of_memory():
            self._killed = "memory"
        elif self.watch and self.watch.is_over():
            self._killed = "gpu memory"
        return self._killed is not None

    # --- pipes and clock ----------------------------------------------------------------------------------------------

    def _pump(self, deadline: float, *, writing: bool = False, patience: float = 1.0) -> bool:
        """Wait for something to happen and take it in. False once the deadline has passed."""
        poll = select.poll()
        for fd in (self._result, self._logged, self._reported, self._pidfd):
            if fd in self._open:
                poll.register(fd, select.POLLIN)
        if writing and self._source in self._open:
            poll.register(self._source, select.POLLOUT)
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            return False
        patience = min(patience, _LOOK_SECONDS) if self.watch else patience
        for fd, _ in poll.poll(min(remaining, patience) * 1000 + 1 if patience else 0):
            if fd == self._result:
                self._incoming += self._read(fd, WEIGHTS_BYTES + RECORD_BYTES - len(self._incoming))
            elif fd == self._logged:
                self._log.add(self._read(fd, 1 << 16))
            elif fd == self._reported:
                self._report += self._read(fd, RECORD_BYTES)
        return True

    def _read(self, fd: int, size: int) -> bytes:
        """What is there now; closes the pipe at its end, or when its writer sends more than anybody asked for."""
        try:
            data = os.read(fd, size) if size > 0 else b""
        except BlockingIOError:
            return b""
        if not data:
            self._close(fd)
        return data

    def _drain_result(self) -> None:
        """Take what is left in the pipes, which can't block: a survivor may hold them open for ever."""
        for fd, taken in ((self._result, self._incoming), (self._logged, None)):
            for _ in range(256):
                if fd not in self._open:
                    break
                size = WEIGHTS_BYTES + RECORD_BYTES - len(self._incoming) if taken is not None else 1 << 16
                data = self._read(fd, size)
                if not data:
                    break
                if taken is not None:
                    taken += data
                else:
                    self._log.add(data)

    def _ended(self) -> bool:
        return bool(self._report) or self._reported not in self._open

    def _end(self) -> None:
        """End the run: let go of the leash, take the warden's report, make sure that nothing of it is left."""
        self._close(self._leash)
        deadline = time.monotonic() + _END_SECONDS
        gone = select.poll()
        gone.register(self._pidfd, select.POLLIN)
        while not ("status" in self._parsed_report() or gone.poll(0)):  # the report is its last act, when all but itself is gone
            if not self._pump(deadline):
                self._group.end()
                try:
                    signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
                except ProcessLookupError:
                    pass
                gone.poll(_END_SECONDS * 1000)
                break
        while self._reported in self._open and (data := self._read(self._reported, RECORD_BYTES)):
            self._report += data
        self._drain_result()
        self._close(self._pidfd)

    def _parsed_report(self) -> dict[str, Any]:
        try:
            report = json.loads(self._report)
        except ValueError:
            return {}
        return report if isinstance(report, dict) else {}

    def _why_unconfined(self) -> str:
        """Trusted code alone has run so far, so its log is ours."""
        return self._warden_says("broken") or self._last_line() or "it ended before its probe"

    def _last_line(self) -> str:
        return "".join(self._log.text().strip().splitlines()[-1:])

    def _warden_says(self, key: str) -> str:
        return str(self._parsed_report().get(key, ""))

    def _pipe(self, size: int = 0) -> tuple[int, int]:
        ends = os.pipe()
        self._open |= set(ends)
        if size:
            try:
                fcntl.fcntl(ends[0], fcntl.F_SETPIPE_SZ, size)
            except OSError:
                pass  # the user has many large pipes already: it takes more turns then
        return ends

    def _close(self, fd: int) -> None:
        if fd in self._open:
            self._open.discard(fd)
            os.close(fd)
