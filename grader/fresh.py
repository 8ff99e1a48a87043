"""One fresh interpreter for one run: its three pipes, read by threads, the keeper's clock, and its end.

Nothing but what every system gives to a process: no fork, no descriptors passed on, no poll. See ``portable``.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grader import evidence, handover
from grader.errors import GraderError
from grader.evidence import WEIGHTS_BYTES
from grader.frames import framed
from grader.handover import PublicData
from grader.incoming import RECORD_BYTES, RECORDS, Log, take_record
from grader.nursery import clean_environment
from grader.records import Run, Stage
from grader.rubric import Rubric

START_SECONDS = 180.0  # for the import of torch, and of what is slow beside it, from a cold disk
_END_SECONDS = 30.0  # until a killed process has gone, on a busy machine
_LAST_SECONDS = 1.0  # for what is left in the pipes of a process that has ended; a survivor may hold them open
_PIECE = 0.2  # of a wait, since on Windows Ctrl-C does not end one
_ROOM = WEIGHTS_BYTES + RECORDS * RECORD_BYTES
_FAULTS = 0xC0000000  # Windows ends a process that did something forbidden with such a status
_ABORTED = 0xC0000409
_NEEDED_ON_WINDOWS = (
    "SYSTEMROOT",
    "SYSTEMDRIVE",
    "WINDIR",
    "PATH",
    "PATHEXT",
    "COMSPEC",
    "NUMBER_OF_PROCESSORS",
    "PROCESSOR_ARCHITECTURE",
)


@dataclass(frozen=True, slots=True)
class _End:
    """How the process ended."""

    status: int  # as POSIX has it
    cpu_seconds: float | None  # None where the system does not say
    peak_memory_bytes: int


class FreshProcess:
    """Starts at once and imports torch; ``close`` ends whatever is left of it."""

    def __init__(self, rubric: Rubric, *, inherits: bool, limited: bool) -> None:
        """``inherits`` the caller's environment, instead of a scrubbed one; ``limited`` as far as the system can do so."""
        self._limits = rubric.limits
        self._folder = os.path.realpath(tempfile.mkdtemp(prefix="prunegrade-run-"))
        self._log = Log(rubric.limits.log_bytes)
        self._incoming = bytearray()
        self._changed = threading.Condition()
        self._end: _End | None = None
        self._closed_itself = False  # the result pipe has come to its end
        self._was_ended = False  # by this process
        self._given_up = False  # somebody has closed it, maybe in the middle of a run
        self._layers: tuple[str, ...] | None = None
        self.limited: tuple[str, ...] = ()  # what the system can limit, once it has been probed
        try:
            self._process = _started(self._folder, inherits)
        except OSError:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise
        self._waiter, *self._readers = map(self._beside, (self._await_end, self._read_result, self._read_log))
        self._write([framed(_setup(rubric, self._folder, inherits=inherits, limited=limited))])

    @property
    def waits(self) -> bool:
        """Whether it is still there for a submission."""
        return self._end is None

    def await_probe(self) -> tuple[str, ...]:
        """What it is held to. Nothing of the student's has reached it yet."""
        if self._layers is not None:
            return self._layers
        record = self._next_record(time.monotonic() + START_SECONDS)
        if record is None or "layers" not in record:
            raise GraderError(f"a process for a run could not be started: {self._why(record)}")
        self._layers, self.limited = tuple(record["layers"]), tuple(record["limited"])
        return self._layers

    def await_result(self, bundle: bytes, data: PublicData) -> Run:
        """Hand over the source and the instance's data, and follow the run to its end."""
        writer = self._beside(lambda: self._write([bundle, data.contents()], last=True))
        begun = self._next_record(time.monotonic() + START_SECONDS)
        if begun is None or "started" not in begun:
            raise GraderError(f"a run did not begin: {self._why(begun)}")
        writer.join()
        started = time.monotonic()
        deadline = started + self._limits.wall_seconds
        stage: Stage = "import"
        status: dict[str, Any] | None = None
        for _ in range(RECORDS):
            record = self._next_record(deadline)
            if record is None or "claim" in record:
                status = record
                break
            stage = "prune" if record.get("stage") == "prune" else stage
        weights = self._take_weights(deadline) if status and status.get("claim") == "returned" else None
        overdue = weights is None and time.monotonic() >= deadline
        seconds = time.monotonic() - started
        self._stop()
        if weights is None and self._given_up:
            raise GraderError("the run was given up")
        return self._concluded(status, weights, stage, seconds, overdue, begun)

    def close(self) -> None:
        """End it and whatever it has started, as far as that can be found; from any thread, more than once."""
        self._given_up = True
        self._stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    # --- what came ----------------------------------------------------------------------------------------------------

    def _concluded(
        self,
        status: Mapping[str, Any] | None,
        weights: bytes | None,
        stage: Stage,
        seconds: float,
        overdue: bool,
        begun: Mapping[str, Any],
    ) -> Run:
        end = self._end or _End(int(signal.SIGTERM), None, 0)
        cpu_seconds = max(0.0, end.cpu_seconds - begun["cpu_seconds"]) if end.cpu_seconds is not None else 0.0
        peak = max(0, end.peak_memory_bytes - begun["memory_bytes"])
        failure = None
        if weights is None:
            found = evidence.Evidence(
                claim=status,
                stage=stage,
                overdue=overdue,
                killed="leash" if self._was_ended else None,
                wait_status=end.status,
                cpu_seconds=cpu_seconds,
                peak_memory_bytes=peak,
            )
            failure = evidence.failure(found, self._limits, "a run was lost")
        return Run(
            weights=weights,
            failure=failure,
            notes=evidence.notes(status),
            log=self._log.text(),
            log_truncated=self._log.truncated,
            seconds=seconds,
            cpu_seconds=cpu_seconds,
            peak_memory_bytes=peak,
        )

    def _next_record(self, deadline: float) -> dict[str, Any] | None:
        """The next record; None once the process has ended without one, or the deadline has passed."""
        found: list[dict[str, Any]] = []

        def has_come() -> bool:
            if (record := take_record(self._incoming)) is not None:
                found.append(record)
            return bool(found)

        self._wait(has_come, deadline)
        return found[0] if found else None

    def _take_weights(self, deadline: float) -> bytes | None:
        self._wait(lambda: len(self._incoming) >= WEIGHTS_BYTES, deadline)
        with self._changed:
            return bytes(self._incoming[:WEIGHTS_BYTES]) if len(self._incoming) >= WEIGHTS_BYTES else None

    def _wait(self, has_come: Callable[[], bool], deadline: float) -> None:
        """Until it has come, can't come any more, or the deadline has passed."""
        grace = _LAST_SECONDS
        with self._changed:
            while not has_come():
                if self._end and (self._closed_itself or grace <= 0):
                    return
                remaining = deadline - time.monotonic()
                if remaining <= 0:
                    return
                grace -= _PIECE if self._end else 0
                self._changed.wait(min(_PIECE, remaining))

    def _why(self, record: Mapping[str, Any] | None) -> str:
        """Trusted code alone has run so far, so its log is ours."""
        if record and "broken" in record:
            return str(record["broken"])
        last = self._log.text().strip().splitlines()[-1:]
        return last[0] if last else "it ended too early" if self._end else f"it took more than {START_SECONDS:g} s"

    # --- pipes, each with a thread of its own -------------------------------------------------------------------------

    def _beside(self, work: Callable[[], None]) -> threading.Thread:
        thread = threading.Thread(target=work, name="run", daemon=True)  # one that a survivor keeps waiting is let go
        thread.start()
        return thread

    def _read_result(self) -> None:
        assert self._process.stdout
        taken = 0
        while (data := self._process.stdout.read(1 << 16)) and taken < _ROOM:
            taken += len(data)
            with self._changed:
                self._incoming += data
                self._changed.notify_all()
        with self._changed:
            self._closed_itself = True
            self._changed.notify_all()

    def _read_log(self) -> None:
        assert self._process.stderr
        while data := self._process.stderr.read(1 << 16):
            self._log.add(data)

    def _await_end(self) -> None:
        end = _ended(self._process)
        with self._changed:
            self._end = end
            self._changed.notify_all()

    def _write(self, pieces: list[bytes], *, last: bool = False) -> None:
        assert self._process.stdin
        try:
            for piece in pieces:
                pending = memoryview(piece)
                while pending:
                    pending = pending[self._process.stdin.write(pending) :]
            if last:
                self._process.stdin.close()
        except (OSError, ValueError):  # it has ended, as its status will say
            pass

    def _stop(self) -> None:
        with self._changed:
            if self._end is None:
                self._was_ended = True
        _end_tree(self._process, ended=self._end is not None)
        self._waiter.join(_END_SECONDS)
        for reader in self._readers:
            reader.join(_LAST_SECONDS)
        if not any(reader.is_alive() for reader in self._readers):
            for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
                assert pipe
                with suppress(OSError):
                    pipe.close()


def _setup(rubric: Rubric, folder: str, *, inherits: bool, limited: bool) -> dict[str, Any]:
    limits = rubric.limits
    return {
        "setting": handover.setting(rubric),
        "scratch": folder,
        "inherits": inherits,
        "limited": limited,
        "allow_exec": rubric.allow.exec,
        "memory_bytes": limits.memory_bytes,
        "file_bytes": limits.file_bytes,
        "cpu_seconds": None if limits.clock == "wall" else limits.cpu_seconds,
    }


def _started(folder: str, inherits: bool) -> subprocess.Popen[bytes]:
    root = str(Path(__file__).resolve().parent.parent)
    code = f"import sys; sys.path.insert(0, {root!r}); import grader.inside.alone as n; sys.path.remove({root!r}); n.main()"
    needed = {name: os.environ[name] for name in _NEEDED_ON_WINDOWS if name in os.environ} if os.name == "nt" else {}
    return subprocess.Popen(
        [sys.executable, "-s", "-P", "-B", "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
        env={**(dict(os.environ) if inherits else {}), **clean_environment(folder), **needed},
        cwd=folder,
        start_new_session=os.name != "nt",
        creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),  # Ctrl-C is the keeper's alone
    )


def _ended(process: subprocess.Popen[bytes]) -> _End:
    """Waits for the end. What was left in its group goes first: until the process is buried, nobody else has its number."""
    if not hasattr(os, "wait4"):
        return _End(_as_status(process.wait()), None, 0)
    if hasattr(os, "waitid"):
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        _kill_group(process)
    _, status, used = os.wait4(process.pid, 0)
    if not hasattr(os, "waitid"):
        _kill_group(process)
    process.returncode = os.waitstatus_to_exitcode(status)
    peak = used.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return _End(status, used.ru_utime + used.ru_stime, peak)


def _as_status(returncode: int) -> int:
    """Windows's status of a process as POSIX would have had it."""
    if returncode < 0:  # a signal's number, on a system with signals but without wait4
        return -returncode
    if returncode < _FAULTS:
        return (returncode & 0xFF) << 8
    return int(signal.SIGABRT if returncode == _ABORTED else signal.SIGSEGV)


def _end_tree(process: subprocess.Popen[bytes], *, ended: bool) -> None:
    """The process with all that it has started: its group, or on Windows its tree, which is lost once it has ended itself."""
    if ended:
        return
    if hasattr(os, "killpg"):
        _kill_group(process)
        return
    with suppress(OSError):
        subprocess.run(["taskkill", "/T", "/F", "/PID", str(process.pid)], capture_output=True, check=False)
    with suppress(OSError):
        process.kill()


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, evidence.SIGKILL)
