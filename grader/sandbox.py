"""The keeper's side of a run: nursery, clock, kill, collect.

Theory of operation. The keeper (this process) holds the secret and the hidden data. It execs one nursery
(``grader.inside``), a clean interpreter with torch imported, and asks it for one warden and one confined child per run.
Five pipes join them, made by the keeper for each run::

    source   keeper -> inside   the submission's files, handed over only after the probe has proved the confinement
    result   inside -> keeper   probe report, stage, status record (a claim), then 569,384 bytes of weights
    log      inside -> keeper   stdout and stderr, capped
    report   warden -> keeper   wait status, CPU time, memory
    leash    keeper -> warden   closed by the keeper when the run must end

What the keeper believes: its own clock, the warden's wait status and sums, a byte count, and bytes that the gate has
checked. Whatever arrives on ``result`` after the source was handed over is the student's: it can choose among verdicts
that are worth nothing, or be weights. Nothing waits for an end of file that a survivor could hold open.
"""

from __future__ import annotations

import array
import json
import os
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self, get_args

import numpy as np

from grader.errors import GraderError
from grader.formulas import PARAMETER_COUNT
from grader.records import Failure, Isolation, Run, Stage, Submission, Verdict
from grader.rubric import Rubric

SEED = 0  # of random, numpy and torch before each import of a submission
WEIGHTS_BYTES = PARAMETER_COUNT * 4
_CLAIMS: tuple[Verdict, ...] = ("unreadable", "no_entry", "raised", "exited", "rejected", "out_of_memory")
_RECORD_BYTES = 1 << 16
_RECORDS = 8  # probe, stage and status make three; a flood of further ones ends the run
_START_SECONDS = 60.0  # for the nursery's import of torch and for a child's confinement
_END_SECONDS = 10.0
_SLOW_IMPORTS = {
    "matplotlib": ("matplotlib.pyplot",),
    "scipy": ("scipy.optimize", "scipy.sparse", "scipy.stats"),
    "sklearn": ("sklearn.linear_model",),
    "IPython": ("IPython.display",),
    "tqdm": ("tqdm.auto",),
}


@dataclass(frozen=True, slots=True)
class PublicData:
    """One instance's training and validation data and model as a sealed memory file that children map copy on write."""

    name: str
    fd: int
    arrays: Mapping[str, tuple[int, tuple[int, ...]]]  # name -> (offset in float32 values, shape)

    @classmethod
    def of(cls, name: str, arrays: Mapping[str, np.ndarray]) -> Self:
        fd = os.memfd_create(f"instance-{name}", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        placed, offset = {}, 0
        for key, values in arrays.items():
            data = np.ascontiguousarray(values, dtype="<f4")
            view = memoryview(data).cast("B")
            while view:
                view = view[os.write(fd, view) :]
            placed[key] = (offset, data.shape)
            offset += data.size
        import fcntl

        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL)
        return cls(name, fd, placed)


class Sandbox:
    """Owns the nursery. Open it with ``with``; ``run`` may be called from several threads, one per slot."""

    def __init__(self, rubric: Rubric, *, forbidden: tuple[Path, ...], namespaces: bool = True) -> None:
        """``forbidden`` paths must be out of every child's reach: each child tries to open them before it may start."""
        self._rubric = rubric
        self._forbidden = [str(path.absolute()) for path in forbidden]
        self._namespaces = namespaces
        self._lock = threading.Lock()
        self._slots: set[int] = set()
        self._warmed: set[str] = set()
        self._nursery: _Nursery | None = None
        self._closed = False
        self.generation = 0  # of the nursery
        self.isolation = Isolation("L0", ())

    def __enter__(self) -> Self:
        try:
            self._nursery = _Nursery(self._forbidden)
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

    def run(
        self,
        submission: Submission,
        data: PublicData,
        *,
        packages: frozenset[str] = frozenset(),
        parameters: Mapping[str, Any] | None = None,
    ) -> Run:
        """Run ``prune(model, **parameters)`` on one instance. Raises GraderError where the grader itself failed."""
        self._warm(packages)
        with _Slot(self._slots, self._lock) as slot:
            return self._attempt(slot, data, _bundle(submission, parameters or {}))

    def recover(self, generation: int, *, force: bool) -> None:
        """After a failed run: a fresh nursery if the one of that ``generation`` is gone, or if ``force`` is set."""
        with self._lock:
            if generation == self.generation and (force or not self._living().alive):
                self._replace_nursery()

    def _replace_nursery(self) -> None:
        self._living().close()
        self._warmed.clear()
        self.generation += 1
        self._nursery = _Nursery(self._forbidden)

    # --- establishing -------------------------------------------------------------------------------------------------

    def _establish(self) -> Isolation:
        """What holds here, proved by a throw-away child: with namespaces if they can be had, else without."""
        missing = {}
        if self._namespaces:
            try:
                return _judged(self._prove(), missing)
            except GraderError as error:
                missing["namespaces"] = str(error)
                self._namespaces = False
                self._replace_nursery()
        else:
            missing["namespaces"] = "switched off"
        try:
            return _judged(self._prove(), missing)
        except GraderError as error:
            raise GraderError(f"{error} (namespaces: {missing['namespaces']})") from None

    def _prove(self) -> tuple[str, ...]:
        nothing = PublicData.of("probe", {"nothing": np.zeros(1, np.float32)})
        try:
            with _Slot(self._slots, self._lock) as slot:
                return self._attempt_probe(slot, nothing)
        finally:
            os.close(nothing.fd)

    def _attempt_probe(self, slot: int, data: PublicData) -> tuple[str, ...]:
        with _Conversation(self, slot, data) as conversation:
            return conversation.await_probe()

    def _attempt(self, slot: int, data: PublicData, bundle: bytes) -> Run:
        with _Conversation(self, slot, data) as conversation:
            layers = conversation.await_probe()
            if layers != self.isolation.layers:
                raise GraderError(f"a child was confined by {', '.join(layers)}, expected {', '.join(self.isolation.layers)}")
            return conversation.await_result(bundle)

    def _warm(self, packages: frozenset[str]) -> None:
        """Have the nursery import what is slow to import, once a submission names it."""
        wanted = sorted(name for name in packages & _SLOW_IMPORTS.keys() if name not in self._warmed)
        if not wanted:
            return
        with self._lock:
            self._warmed |= set(wanted)
            names = [module for name in wanted for module in _SLOW_IMPORTS[name]]
            reply, _ = self._living().ask({"warm": names}, (), seconds=_START_SECONDS)
            if reply.get("threads") != 1:
                raise GraderError(f"importing {', '.join(names)} left threads in the nursery, so it can't be forked any more")

    def _living(self) -> _Nursery:
        if self._closed or not self._nursery:
            raise GraderError("the sandbox is closed")
        return self._nursery

    def start_child(self, slot: int, data: PublicData, fds: tuple[int, ...], scratch: str | None) -> int:
        """Ask the nursery for a warden and its child. Returns the warden's pidfd."""
        limits, points, score = self._rubric.limits, self._rubric.points, self._rubric.score
        plan = {
            "namespaces": self._namespaces,
            "scratch": scratch or "/tmp",
            "uid": None if self._namespaces else own_uid(slot),
            "allow_exec": self._rubric.allow.exec,
            "memory_bytes": limits.memory_bytes,
            "file_bytes": limits.file_bytes,
            "cpu_seconds": None if limits.clock == "wall" else limits.cpu_seconds,
            "processes": limits.processes,
        }
        setting = {
            "arrays": data.arrays,
            "scoring": {**score.model_dump(), **points.model_dump()},
            "packages": self._rubric.allow.packages,
            "threads": limits.threads,
            "seed": SEED,
        }
        message = {"plan": plan, "setting": setting, "outer_uid": own_uid(slot)}
        with self._lock:
            reply, received = self._living().ask(message, fds, seconds=_START_SECONDS)
        if "error" in reply or not received:
            raise GraderError(f"no child could be started: {reply.get('error', 'the nursery sent no handle')}")
        return received[0]

    @property
    def wall_seconds(self) -> float:
        return self._rubric.limits.wall_seconds

    @property
    def log_bytes(self) -> int:
        return self._rubric.limits.log_bytes

    @property
    def cpu_seconds(self) -> float:
        return self._rubric.limits.cpu_seconds

    @property
    def scratch_outside(self) -> bool:
        """Whether a run needs a folder of the host's: without a private root there is no other place to write."""
        return not self._namespaces


def own_uid(slot: int) -> int | None:
    """A user of its own for each concurrent run when the grader is root, out of the ids that this machine has."""
    if os.getuid() != 0:
        return None
    with open("/proc/self/uid_map") as mapping:
        highest = max(int(inner) + int(count) for inner, _, count in (line.split() for line in mapping))
    return (2_000_000_000 if highest > 2_100_000_000 else max(1, highest - 4096)) + slot


def _judged(layers: tuple[str, ...], missing: dict[str, str]) -> Isolation:
    """The level: L3 files, network, processes and memory enforced by the kernel; L2 own user or Landlock, and seccomp."""
    has = set(layers)
    files = "namespaces" in has or "landlock" in has
    network = "namespaces" in has or "seccomp" in has
    processes = "namespaces" in has or "own user" in has
    if files and network and processes and "seccomp" in has and "limits" in has:
        level = "L3"
    elif "seccomp" in has and ("own user" in has or "landlock" in has):
        level = "L2"
    else:
        level = "L1" if "limits" in has else "L0"
    for layer in ("landlock", "seccomp"):
        if layer not in has:
            missing[layer] = "not offered by this kernel"
    return Isolation(level, layers, missing)


def _bundle(submission: Submission, parameters: Mapping[str, Any]) -> bytes:
    header = {
        "entry": submission.entry,
        "parameters": dict(parameters),
        "files": [[name, len(content)] for name, content in submission.files.items()],
    }
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + b"".join(submission.files.values())


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


# --- the nursery ------------------------------------------------------------------------------------------------------


class _Nursery:
    """The process that forks children, and the socket to it."""

    def __init__(self, forbidden: list[str]) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._cache = tempfile.mkdtemp(prefix="prunegrade-")  # for library caches of the nursery itself
        root = str(Path(__file__).resolve().parent.parent)
        code = f"import sys; sys.path.insert(0, {root!r}); import grader.inside.__main__ as n; sys.path.remove({root!r}); n.main()"
        with theirs, open(f"{self._cache}/errors", "wb") as errors:
            # A small shell-free dance puts the socket at descriptor 3, where the nursery looks for it.
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-B", "-c", f"import os; os.dup2({theirs.fileno()}, 3); {code}"],
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                env=_clean_environment(self._cache),
                cwd="/",
                start_new_session=True,
            )
        try:
            reply, _ = self.ask({"forbidden": forbidden}, (), seconds=_START_SECONDS)
        except GraderError:
            words = Path(self._cache, "errors").read_text(errors="replace").strip().splitlines()[-1:]
            self.close()
            raise GraderError(f"the nursery did not start: {''.join(words) or f'it ended with {self._process.returncode}'}") from None
        if reply.get("threads") != 1:
            self.close()
            raise GraderError(f"the nursery has {reply.get('threads')} threads after importing torch, expected 1")

    def ask(self, message: Mapping[str, Any], fds: tuple[int, ...], *, seconds: float) -> tuple[dict[str, Any], list[int]]:
        """One request and its reply, with descriptors both ways. Raises GraderError where the nursery is lost."""
        received = array.array("i")
        try:
            ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
            self._socket.sendmsg([json.dumps(message).encode()], ancillary)
            self._socket.settimeout(seconds)
            reply, extra, _, _ = self._socket.recvmsg(_RECORD_BYTES, socket.CMSG_SPACE(4 * received.itemsize))
        except OSError as error:
            raise GraderError(f"the nursery was lost: {error}") from None
        for level, kind, data in extra:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                received.frombytes(data[: len(data) - len(data) % received.itemsize])
        if not reply:
            raise GraderError("the nursery was lost: it closed its socket")
        for fd in received:
            os.set_inheritable(fd, False)
        return json.loads(reply), list(received)

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def close(self) -> None:
        self._socket.close()
        try:
            self._process.wait(timeout=0.5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self._cache, ignore_errors=True)


def _clean_environment(cache: str) -> dict[str, str]:
    """A scrubbed environment: nothing of the caller's but a locale and where its programs lie."""
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "HOME": cache,
        "USER": "student",
        "LOGNAME": "student",
        "MPLBACKEND": "Agg",
        "MPLCONFIGDIR": cache,
        "IPYTHONDIR": cache,
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "CUDA_VISIBLE_DEVICES": "",
        "PYTORCH_NVML_BASED_CUDA_CHECK": "1",
        "JOBLIB_MULTIPROCESSING": "0",
    }


# --- one run ----------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Log:
    """Keeps the head and the tail of what a submission prints, and drains the rest."""

    limit: int
    head: bytearray = field(default_factory=bytearray)
    tail: bytearray = field(default_factory=bytearray)
    total: int = 0

    def add(self, data: bytes) -> None:
        self.total += len(data)
        room = self.limit * 3 // 4 - len(self.head)
        if room > 0:
            self.head += data[:room]
            data = data[room:]
        if data:
            self.tail = (self.tail + data)[-(self.limit // 4) :]

    @property
    def truncated(self) -> bool:
        return self.total > len(self.head) + len(self.tail)

    def text(self) -> str:
        dropped = self.total - len(self.head) - len(self.tail)
        gap = f"\n[... {dropped} bytes left out ...]\n".encode() if dropped else b""
        return bytes(self.head + gap + self.tail).decode("utf-8", "replace")


class _Conversation:
    """The pipes and the clock of one run, from asking for a child until nothing of it is left."""

    def __init__(self, sandbox: Sandbox, slot: int, data: PublicData) -> None:
        self._sandbox = sandbox
        self._log = _Log(sandbox.log_bytes)
        self._incoming = bytearray()  # of the result pipe
        self._report = b""
        self._open: set[int] = set()
        self._scratch = _scratch_folder(own_uid(slot)) if sandbox.scratch_outside else None
        theirs: tuple[int, ...] = ()
        try:
            source_r, self._source = self._pipe()
            self._result, result_w = self._pipe()
            self._logged, log_w = self._pipe()
            self._reported, report_w = self._pipe()
            leash_r, self._leash = self._pipe()
            theirs = (source_r, result_w, log_w, report_w, leash_r)
            self._pidfd = sandbox.start_child(slot, data, (*theirs, data.fd), self._scratch)
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
        if self._scratch:
            shutil.rmtree(self._scratch, ignore_errors=True)

    def await_probe(self) -> tuple[str, ...]:
        """Wait until the child is confined and has proved it. Nothing of the student's has reached it yet."""
        deadline = time.monotonic() + _START_SECONDS
        while True:
            record = self._take_record()
            if record is not None:
                break
            if not self._pump(deadline) or self._ended():
                self._end()
                raise GraderError(f"a child could not be confined: {self._why_unconfined()}")
        if "broken" in record:
            raise GraderError(f"a child could not be confined: {record['broken']}")
        if record.get("wrong"):
            raise GraderError(f"the confinement does not hold: {', '.join(record['wrong'])}")
        return tuple(record.get("layers", ()))

    def await_result(self, bundle: bytes) -> Run:
        """Hand over the source and follow the run to its end."""
        started = time.monotonic()
        deadline = started + self._sandbox.wall_seconds
        pending = memoryview(bundle)
        stage: Stage = "import"
        status: dict[str, Any] | None = None
        overdue = False
        for _ in range(_RECORDS):
            record, pending = self._next_record(deadline, pending)
            if record is None:
                overdue = time.monotonic() >= deadline
                break
            if "claim" in record:
                status = record
                break
            stage = "prune" if record.get("stage") == "prune" else stage
        weights = self._take_weights(deadline) if status and status.get("claim") == "returned" else None
        overdue = overdue or (weights is None and time.monotonic() >= deadline)
        seconds = time.monotonic() - started
        self._end()
        return self._concluded(status, weights, stage, seconds, overdue)

    # --- what came ----------------------------------------------------------------------------------------------------

    def _concluded(self, status: dict[str, Any] | None, weights: bytes | None, stage: Stage, seconds: float, overdue: bool) -> Run:
        report = self._parsed_report()
        failure = None
        if weights is None:
            failure = self._failure(status, stage, report, overdue)
        notes = tuple(str(note) for note in (status or {}).get("notes", ()) if isinstance(note, str))[:20]
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
        )

    def _failure(self, status: dict[str, Any] | None, stage: Stage, report: dict[str, Any], overdue: bool) -> Failure:
        if status and status.get("claim") in _CLAIMS:
            return _claimed(status, stage)
        where = "importing the submission" if stage == "import" else "prune(model)"
        limit = self._sandbox
        killed, wait_status = report.get("killed"), report.get("status")
        if killed == "cpu" or (_signal_of(wait_status) in (signal.SIGXCPU, signal.SIGKILL) and _used_up(report, limit.cpu_seconds)):
            used = f"{where} used more than {limit.cpu_seconds:g} s of CPU time (limits.cpu_seconds in rubric.yaml)"
            return Failure("timed_out", stage, f"{used}; try fewer training steps")
        if killed == "memory":
            return Failure("out_of_memory", stage, f"{where} used more memory than limits.memory_bytes in rubric.yaml allows")
        if overdue:
            took = f"{where} took more than {limit.wall_seconds:g} s (limits.wall_seconds in rubric.yaml)"
            return Failure("timed_out", stage, f"{took}; try fewer training steps, and never wait or sleep")
        if killed == "leash" or status:
            return Failure("rejected", "collect", f"what came back is not the {WEIGHTS_BYTES:,} bytes of the model's weights")
        if wait_status is None:
            raise GraderError(f"a run ended without its warden's report: {self._warden_says('broken') or 'the warden was lost'}")
        if (number := _signal_of(wait_status)) is not None:
            return Failure("crashed", stage, f"{where} was ended by {_signal_name(number)}: {_signal_hint(number)}")
        code = os.waitstatus_to_exitcode(wait_status)
        return Failure("exited", stage, f"{where} ended the process with status {code} and returned no model")

    def _take_record(self) -> dict[str, Any] | None:
        """The next complete record of the result pipe, or None. A malformed one reads as a claim worth nothing."""
        if len(self._incoming) < 4:
            return None
        (length,) = struct.unpack_from("<I", self._incoming)
        if length > _RECORD_BYTES:
            return {"claim": "garbage"}
        if len(self._incoming) < 4 + length:
            return None
        text = bytes(self._incoming[4 : 4 + length])
        del self._incoming[: 4 + length]
        try:
            record = json.loads(text)
        except (ValueError, RecursionError):
            record = None
        return record if isinstance(record, dict) else {"claim": "garbage"}

    def _next_record(self, deadline: float, pending: memoryview) -> tuple[dict[str, Any] | None, memoryview]:
        while True:
            if (record := self._take_record()) is not None:
                return record, pending
            if pending:
                pending = self._hand_over(pending)
            alive = self._pump(deadline, writing=bool(pending))
            if not alive or self._ended():
                self._drain_result()
                return self._take_record(), pending

    def _hand_over(self, pending: memoryview) -> memoryview:
        try:
            pending = pending[os.write(self._source, pending) :]
        except BlockingIOError:
            return pending
        except BrokenPipeError:
            return pending[:0]
        if not pending:
            self._close(self._source)
        return pending

    def _take_weights(self, deadline: float) -> bytes | None:
        while len(self._incoming) < WEIGHTS_BYTES:
            if not self._pump(deadline) or self._ended():
                self._drain_result()
                break
        if len(self._incoming) < WEIGHTS_BYTES:
            return None
        weights = bytes(self._incoming[:WEIGHTS_BYTES])
        del self._incoming[:WEIGHTS_BYTES]
        return weights

    # --- pipes and clock ----------------------------------------------------------------------------------------------

    def _pump(self, deadline: float, *, writing: bool = False) -> bool:
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
        for fd, _ in poll.poll(min(remaining, 1.0) * 1000 + 1):
            if fd == self._result:
                self._incoming += self._read(fd, WEIGHTS_BYTES + _RECORD_BYTES - len(self._incoming))
            elif fd == self._logged:
                self._log.add(self._read(fd, 1 << 16))
            elif fd == self._reported:
                self._report += self._read(fd, _RECORD_BYTES)
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
                size = WEIGHTS_BYTES + _RECORD_BYTES - len(self._incoming) if taken is not None else 1 << 16
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
        """End the run: let go of the leash, take the warden's report, make sure that the warden is gone."""
        self._close(self._leash)
        deadline = time.monotonic() + _END_SECONDS
        gone = select.poll()
        gone.register(self._pidfd, select.POLLIN)
        while not gone.poll(0):
            if not self._pump(deadline):
                try:
                    signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
                except ProcessLookupError:
                    pass
                gone.poll(_END_SECONDS * 1000)
                break
        while self._reported in self._open and (data := self._read(self._reported, _RECORD_BYTES)):
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
        last = self._log.text().strip().splitlines()[-1:]
        return self._warden_says("broken") or (last[0] if last else "it ended before its probe")

    def _warden_says(self, key: str) -> str:
        return str(self._parsed_report().get(key, ""))

    def _pipe(self) -> tuple[int, int]:
        ends = os.pipe()
        self._open |= set(ends)
        return ends

    def _close(self, fd: int) -> None:
        if fd in self._open:
            self._open.discard(fd)
            os.close(fd)


def _scratch_folder(uid: int | None) -> str:
    folder = tempfile.mkdtemp(prefix="prunegrade-run-")
    if uid is not None:
        os.chown(folder, uid, uid)
    return folder


def _claimed(status: Mapping[str, Any], stage: Stage) -> Failure:
    """A failure that the child claims. Everything in it is the student's word, so only its form is checked."""
    verdict: Verdict = next(claim for claim in _CLAIMS if claim == status["claim"])
    named = status.get("stage")
    line = status.get("line")
    exception = status.get("exception")
    return Failure(
        verdict=verdict,
        stage=next((known for known in get_args(Stage) if known == named), stage),
        message=str(status.get("message", ""))[:8_000],
        exception=exception if isinstance(exception, str) and exception in _BUILTIN_EXCEPTIONS else None,
        line=line if isinstance(line, int) and not isinstance(line, bool) and 0 < line < 1_000_000 else None,
        traceback=str(status.get("traceback", ""))[:32_000],
    )


_BUILTIN_EXCEPTIONS = frozenset(
    name for name, kind in vars(__import__("builtins")).items() if isinstance(kind, type) and issubclass(kind, BaseException)
)


def _signal_of(status: object) -> int | None:
    return os.WTERMSIG(status) if isinstance(status, int) and os.WIFSIGNALED(status) else None


def _used_up(report: Mapping[str, Any], cpu_seconds: float) -> bool:
    return float(report.get("cpu_seconds", 0.0)) >= cpu_seconds


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _signal_hint(number: int) -> str:
    return {
        signal.SIGSEGV: "memory was accessed that is not the process's, or the recursion went too deep",
        signal.SIGABRT: "a library aborted, usually after printing why",
        signal.SIGFPE: "a library divided by zero",
        signal.SIGBUS: "a file or shared memory was cut while it was in use",
        signal.SIGILL: "a library used an instruction that this processor lacks",
        signal.SIGKILL: "it was killed from within the submission, or by the system for lack of memory",
        signal.SIGXFSZ: "a file grew over limits.file_bytes in rubric.yaml",
        signal.SIGSYS: "a system call of a foreign architecture was made",
    }.get(signal.Signals(number) if number in signal.Signals.__members__.values() else signal.SIGUSR1, "see the log for what came before")
