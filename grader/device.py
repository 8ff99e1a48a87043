"""The keeper's side of an evaluator in a process of its own, which a GPU may take down: then another one does the work.

Where submissions may use the same GPU, runs and evaluation take turns there (see ``sharing``): weights wait until enough
of them have come, hidden data are uploaded once the last run has ended, and the process is gone before the next one begins.
"""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import BoundedSemaphore

import numpy as np
import torch
from numpy.typing import NDArray

from grader import cards, frames
from grader.cards import Card
from grader.errors import GraderError, UsageError
from grader.evaluate import measurement
from grader.formulas import OUTPUTS, PARAMETER_SHAPES
from grader.nursery import clean_environment
from grader.records import Measurement
from grader.rubric import DEVICES
from grader.sharing import Sharing
from grader.weights import Weights

ATTEMPTS = 2  # at each place
BACKLOG = 64  # models that wait where runs and evaluation take turns: 36 MB, for one upload of the hidden data
_TOGETHER = 64  # models in one message
_ANSWER_SECONDS = 120.0
_END_SECONDS = 20.0
_LAST_WORDS_SECONDS = 5.0


def find(name: str) -> tuple[Card, ...]:
    """The GPUs that ``auto``, ``cuda`` or ``cuda:N,M`` means here; none for ``cpu``. Raises UsageError for what can't be had."""
    if not re.fullmatch(DEVICES, name):
        raise UsageError(f"the device is {name!r}, expected auto, cpu, cuda or cuda:N,M")
    there = () if name == "cpu" else cards.found()
    if name in ("cpu", "auto"):
        return tuple(card for card in there if not card.is_split)[:1] if torch.version.cuda else ()
    if not torch.version.cuda:
        raise UsageError(f"the device is {name!r}, but torch {torch.__version__} is built without CUDA; use --device cpu")
    if not there:
        raise UsageError(f"the device is {name!r}, but this machine shows no NVIDIA GPU: {cards.why_none()}; use --device cpu")
    chosen = cards.named(name, there)
    if split := [card for card in chosen if card.is_split]:
        raise UsageError(
            f"{split[0]} ({split[0].name}) is split by MIG, whose parts can't be given to runs; use another GPU, or the CPU"
        )
    return chosen


@dataclass(frozen=True, slots=True)
class Place:
    """Where an evaluator's process computes."""

    label: str
    device: str  # as torch names it there
    environment: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def on(cls, card: Card) -> Place:
        return cls(f"{card} ({card.name})", "cuda:0", {**cards.environment(card), "NVIDIA_TF32_OVERRIDE": "0"})

    @classmethod
    def processor(cls) -> Place:
        """Where the same figures are had when no GPU gives them."""
        return cls("the processor", "cpu")


@dataclass(frozen=True, slots=True)
class Uploaded:
    """A split, as the evaluator's processes know it."""

    number: int
    count: int  # samples


@dataclass(frozen=True, slots=True)
class _Split:
    inputs: NDArray[np.float32]  # (n, 128)
    targets: NDArray[np.float32]  # (n, 10)


@dataclass(frozen=True, slots=True)
class _Request:
    split: int
    weights: bytes
    answer: Future[NDArray[np.float64]] = field(default_factory=Future)


class FaultError(GraderError):
    """The evaluator's process is lost, or its device."""


class DeviceEvaluator:
    """Takes the place of ``evaluate.Evaluator``. All methods may be called from several threads."""

    kind = "cuda"
    torch_version = torch.__version__

    def __init__(self, places: Sequence[Place], *, name: str, shared: bool) -> None:
        """``places`` in the order in which they are tried when one fails; ``shared`` where runs may use the first."""
        self.name = name
        self._sharing = Sharing() if shared else None
        self._vacate: Callable[[], None] = lambda: None
        self._order = [place for place in places for _ in range(ATTEMPTS)]
        self.faults = 0  # of processes or devices, in all
        self._failures = 0  # in a row
        self._words = ""  # of the last one
        self._splits: list[_Split] = []
        self._changed = threading.Condition()
        self._pending: deque[_Request] = deque()
        self._closed = False
        self._opened = False
        self._sent = 0  # splits, to the process that is opened
        self._process = Process(self._order[0])  # imports torch meanwhile
        self._thread = threading.Thread(target=self._work, name="evaluator", daemon=True)
        self._thread.start()

    @property
    def remarks(self) -> tuple[str, ...]:
        if self._order[self._failures].device == self._order[0].device:
            return ()
        return (f"measured on {self._order[self._failures].label}, which gives the same points: {self._words}",)

    @property
    def backlog(self) -> int:
        """Submissions that may wait for their measurement while others run."""
        return BACKLOG if self._sharing else 1

    def turn(self, workers: int) -> AbstractContextManager[object]:
        """What a run takes while it is under way, so that no more than ``workers`` are."""
        if self._sharing is None:
            return BoundedSemaphore(workers)
        self._sharing.limit(workers)
        return self._sharing

    def vacates_by(self, vacate: Callable[[], None]) -> None:
        """``vacate`` ends what stands by for further runs on a shared GPU, before hidden data go there."""
        self._vacate = vacate

    def upload(self, inputs: NDArray[np.float32], targets: NDArray[np.float32]) -> Uploaded:
        """Inputs (n, 128) and targets (n, 10), for every process from now on."""
        self._splits.append(_Split(inputs, targets))
        return Uploaded(len(self._splits) - 1, len(inputs))

    def measure(self, weights: Weights, samples: Uploaded) -> Measurement:
        """Zeros per layer and squared error per output of the fixed model with these weights. Raises GraderError."""
        packed = b"".join(np.ascontiguousarray(weights[name], dtype="<f4").tobytes() for name in PARAMETER_SHAPES)
        request = _Request(samples.number, packed)
        with self._changed:
            if self._closed:
                raise GraderError("the evaluator is closed")
            self._pending.append(request)
            self._changed.notify_all()
        return measurement(weights, request.answer.result() / samples.count)

    def close(self) -> None:
        """From any thread, more than once; who waits for a measurement gets a GraderError."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._sharing:
            self._sharing.close()
        self._process.kill()
        if threading.current_thread() is not self._thread:
            self._thread.join(_END_SECONDS)

    # --- the thread that speaks with the process ----------------------------------------------------------------------

    def _work(self) -> None:
        try:
            while self._await_requests():
                try:
                    self._take_a_turn()
                except Exception as error:  # of those who prepare runs, or of this machine: the next turn may be luckier
                    self._refuse_all(f"the evaluator failed: {type(error).__name__}: {error}")
        finally:
            try:
                self._process.close()
            finally:
                self._closed = True
                self._refuse_all("the evaluator is closed")

    def _take_a_turn(self) -> None:
        if self._sharing is None:
            self._answer_all()
            return
        self._sharing.await_turn(lambda: len(self._pending) >= BACKLOG)
        with self._sharing.evaluation(self._vacate):
            self._answer_all()
            self._replace_process()

    def _await_requests(self) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._pending)
            return not self._closed

    def _answer_all(self) -> None:
        while self._pending and not self._closed:
            with self._changed:
                split = self._pending[0].split
                together = [one for one in self._pending if one.split == split][:_TOGETHER]
                for one in together:
                    self._pending.remove(one)
            try:
                found = self._evaluated(split, together)
            except Exception as error:
                for one in together:
                    one.answer.set_exception(GraderError(str(error)))
                continue
            for one, sums in zip(together, found, strict=True):
                one.answer.set_result(sums)

    def _evaluated(self, split: int, together: Sequence[_Request]) -> NDArray[np.float64]:
        """Sums of squared errors (k, 10). A device's fault costs an attempt, and nobody a grade."""
        models = b"".join(one.weights for one in together)
        while True:
            try:
                self._open()
                _, found = self._process.ask({"do": "evaluate", "split": split, "models": len(together)}, models)
            except (FaultError, OSError) as fault:
                self._words = str(fault)
                self.faults += 1
                if self._closed or self._failures == len(self._order) - 1:
                    raise GraderError(f"the evaluator failed {self._failures + 1} times: {fault}") from None
                self._failures += 1
                self._replace_process()
            else:
                if self._order[self._failures] == self._order[0]:  # what stands in for a lost device goes on doing so
                    self._failures = 0
                return np.frombuffer(found, dtype="<f8").reshape(len(together), OUTPUTS)

    def _open(self) -> None:
        if not self._opened:
            self._process.open()
            self._opened, self._sent = True, 0
        while self._sent < len(self._splits):
            self._process.upload(self._sent, self._splits[self._sent])
            self._sent += 1

    def _replace_process(self) -> None:
        was_opened, self._opened = self._opened, False
        is_clean = self._process.close()
        if self._sharing and was_opened and not is_clean and not self._closed:
            self._wipe()  # without the lock: whoever hands in weights or closes this must not wait for it
        with self._changed:
            if not self._closed:
                self._process = Process(self._order[self._failures])

    def _wipe(self) -> None:
        """After a process that did not end by itself, and so has not overwritten what it had."""
        process = Process(self._order[0])
        try:
            process.open()
            process.ask({"do": "wipe"})
        except FaultError:
            pass  # a device that can't even be opened gives nothing to the next run either
        finally:
            process.close()

    def _refuse_all(self, why: str) -> None:
        with self._changed:
            while self._pending:
                self._pending.popleft().answer.set_exception(GraderError(why))


def prove(place: Place) -> dict[str, float]:
    """A second's work there, see ``evaluating.proof``. Raises GraderError where the device can't be used."""
    process = Process(place)
    try:
        process.open()
        found, _ = process.ask({"do": "prove"})
        return {name: float(value) for name, value in found.items() if isinstance(value, int | float)}
    finally:
        process.close()


class Process:
    """One exec of ``grader.evaluating``, and the socket to it."""

    def __init__(self, place: Place) -> None:
        """Returns at once: it imports torch meanwhile, and touches no device before ``open``."""
        self._place = place
        root = str(Path(__file__).resolve().parent.parent)
        self._channel, theirs = socket.socketpair()
        self._errors = tempfile.TemporaryFile()
        code = f"import sys; sys.path.insert(0, {root!r}); from grader import evaluating; evaluating.main({theirs.fileno()})"
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-s", "-P", "-B", "-c", code],
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._errors,
                env={**clean_environment("/nonexistent"), **place.environment},
                cwd="/",
                start_new_session=True,  # Ctrl-C is the keeper's
            )
        self._channel.settimeout(_ANSWER_SECONDS)
        self._greeted = False

    def open(self) -> str:
        """Give it the device. Returns the device's name. Raises FaultError where it can't be used."""
        opened, _ = self.ask({"device": self._place.device})
        return str(opened["name"])

    def upload(self, number: int, split: _Split) -> None:
        rows, inputs = split.inputs.shape
        data = b"".join(np.ascontiguousarray(part, dtype="<f4").tobytes() for part in (split.inputs, split.targets))
        self.ask({"do": "upload", "split": number, "samples": rows, "inputs": inputs}, data)

    def ask(self, message: Mapping[str, object], payload: bytes = b"") -> tuple[dict[str, object], bytes]:
        """One request and its answer. Raises FaultError where the process, or the device under it, is lost."""
        try:
            if not self._greeted:
                self._answer()
                self._greeted = True
            frames.send(self._channel, message, payload)
            return self._answer()
        except OSError as error:
            raise FaultError(self._words(str(error))) from None

    def _answer(self) -> tuple[dict[str, object], bytes]:
        came = frames.receive(self._channel)
        if came is None:
            raise FaultError(self._words("its process ended"))
        return came[0], bytes(came[1])

    def _words(self, otherwise: str) -> str:
        """Its last words: trusted code alone runs there."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_LAST_WORDS_SECONDS)
        self.kill()
        self._errors.seek(0)
        words = self._errors.read().decode(errors="replace")
        raised = re.findall(r"^[\w.]+(?:Error|Exception): .*$", words, re.M)
        return f"{self._place.label}: {(raised or words.strip().splitlines() or [otherwise])[-1]}"

    def kill(self) -> None:
        self._process.kill()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_END_SECONDS)

    def close(self) -> bool:
        """Let it overwrite what it has on the device, and end. Whether it did; more than once does no harm."""
        self._channel.close()
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
        self._errors.close()
        return self._process.returncode == 0
