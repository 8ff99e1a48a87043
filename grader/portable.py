"""Practice where a system confines nobody: one fresh process per run, by the same protocol and limits as far as there are any.

macOS and Windows have no sandbox that an ordinary user could make, and forking there is missing or unsafe. So a run is an
interpreter of its own in a scrubbed environment and a folder of its own, and what it may not do is merely rehearsed (see
``inside.rehearsal``): good for one's own code, never for other people's. Hidden data are never graded so.

On Linux the environment variable PRUNEGRADE_PORTABLE=1 takes this way too, to try it there.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Collection, Mapping
from types import TracebackType
from typing import Any, Self

from grader import handover, signals
from grader.errors import GraderError
from grader.fresh import FreshProcess
from grader.handover import SLOW_IMPORTS, PublicData
from grader.records import LAYERS, Isolation, Run, Submission
from grader.rubric import Rubric

SWITCH = "PRUNEGRADE_PORTABLE"
_SYSTEMS = {"darwin": "macOS", "win32": "Windows", "linux": f"Linux with {SWITCH} set"}


def is_wanted() -> bool:
    """Whether runs go this way: on any system but Linux, and there where the switch is set."""
    return sys.platform != "linux" or os.environ.get(SWITCH, "") not in ("", "0")


def system() -> str:
    return _SYSTEMS.get(sys.platform, sys.platform)


class Portable:
    """Takes the sandbox's place. Open it with ``with``; ``run`` may be called from several threads."""

    def __init__(self, rubric: Rubric, *, without: Collection[str] = ()) -> None:
        self._rubric = rubric
        self._inherits, self._limited = "environment" in without, "limits" not in without
        self._lock = threading.Lock()
        self._ready: FreshProcess | None = None  # started ahead: most of a run's time is the import of torch
        self._open: set[FreshProcess] = set()
        self._closed = False
        self.generation = 0  # there is nothing that several runs share, and so nothing to replace
        self.isolation = Isolation("L0", ())
        self.kind = "cpu"  # of the device that submissions run on
        self.room = 0  # for as many runs at a time as anybody wants

    def vacate(self) -> None:
        """No run has anything that an evaluator waits for."""

    def __enter__(self) -> Self:
        try:
            first = self._started()
            self.isolation = _judged(first.await_probe(), first.limited)
            self._ready = first
        except BaseException as error:
            self.close()
            if isinstance(error, OSError):
                raise GraderError(f"no process could be started: {error}") from error
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End every run; from any thread, more than once."""
        with self._lock:
            self._closed, open_ones = True, list(self._open)
        for process in open_ones:
            self._end(process)

    def stand_by(self) -> None:
        """Start the process of the next run ahead, and do not wait for it."""
        if self._ready is None:
            started = self._started()
            with self._lock:
                superfluous, self._ready = self._ready, started
            if superfluous:  # another thread did so meanwhile
                self._end(superfluous)

    def run(
        self,
        submission: Submission,
        data: PublicData,
        *,
        packages: frozenset[str] = frozenset(),
        parameters: Mapping[str, Any] | None = None,
    ) -> Run:
        """Run ``prune(model, **parameters)`` on one instance. Raises GraderError where the grader itself failed."""
        warm = [module for name in sorted(packages & SLOW_IMPORTS.keys()) for module in SLOW_IMPORTS[name]]
        bundle = handover.bundle(submission, data, parameters or {}, warm=warm)
        try:
            process = self._taken() or self._started()
            try:
                if (layers := process.await_probe()) != self.isolation.layers:
                    raise GraderError(f"a run was held to {', '.join(layers)}, not {', '.join(self.isolation.layers)}")
                return process.await_result(bundle, data)
            finally:
                self._end(process)
        except OSError as error:
            raise GraderError(f"a run could not be prepared: {error}") from error

    def recover(self, generation: int, *, force: bool) -> bool:
        """After a failed run: the next one has a process of its own anyway."""
        return True

    def _taken(self) -> FreshProcess | None:
        with self._lock:
            ready, self._ready = self._ready, None
        if ready and not ready.waits:
            self._end(ready)
            return None
        return ready

    def _started(self) -> FreshProcess:
        with signals.held(), self._lock:  # or Ctrl-C could leave one that nobody knows
            process = FreshProcess(self._rubric, inherits=self._inherits, limited=self._limited)
            self._open.add(process)
            closed = self._closed
        if closed:
            self._end(process)
            raise GraderError("the sandbox is closed")
        return process

    def _end(self, process: FreshProcess) -> None:
        process.close()
        with self._lock:
            self._open.discard(process)


def _judged(layers: tuple[str, ...], limited: tuple[str, ...]) -> Isolation:
    """L1 where CPU time, memory and files are limited by the system, else L0."""
    has_limits = "limits" in layers
    missing = {layer: "not in practice" for layer in LAYERS if layer not in layers}
    held = f"{_listed(limited)} {'is' if len(limited) == 1 else 'are'} limited" if limited else "only the clock is a limit"
    held += " as in the official run" if has_limits else ", and memory is not"
    practice = (
        f"practice: on {system()} a run is a fresh process that nothing confines, for your own code only; {held}; "
        "the official run is confined"
    )
    return Isolation("L1" if has_limits else "L0", layers, missing, practice=practice)


def _listed(words: tuple[str, ...]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))
