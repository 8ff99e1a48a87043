"""Makes this machine ready to grade: the devices, the sandbox, the evaluator, and the data where each of them needs it."""

from __future__ import annotations

import gc
import importlib.metadata
import os
import platform
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import grader
from grader import portable, signals
from grader.errors import GraderError, NoGpuError, UsageError
from grader.handover import SEED, PublicData
from grader.pipeline import Bench, Conditions, Station, Store
from grader.records import LAYERS, Isolation
from grader.rubric import Rubric
from grader.task import Instance

if TYPE_CHECKING:
    from grader.cards import Card
    from grader.pipeline import Evaluates
    from grader.portable import Portable
    from grader.sandbox import Sandbox

_UNLIMITED = 1 << 20  # runs at a time, where whoever asks for them limits them
_NOTHING_RUN = "nothing was run (see `grade.py doctor`)"


@dataclass(frozen=True, slots=True)
class Devices:
    """Which GPUs do what; the processor does it where there are none."""

    all: tuple[Card, ...] = ()
    for_runs: tuple[Card, ...] = ()
    is_demanded: bool = False  # that runs are there: else what can't run there runs on the processor
    why_not: str = ""  # runs are on none, although they may be

    @property
    def for_evaluation(self) -> tuple[Card, ...]:
        """In the order in which they are tried: if possible none that a run is on."""
        return tuple(card for card in reversed(self.all) if card not in self.for_runs) or self.all

    @property
    def are_shared(self) -> bool:
        return bool(self.all) and self.all == self.for_runs


@contextmanager
def open_bench(
    rubric: Rubric,
    instances: Sequence[Instance],
    *,
    isolation: str,
    device: str,
    forbidden: tuple[Path, ...],
    store: Store | None = None,
    without: Collection[str] = (),
    standby: bool = True,
) -> Iterator[Bench]:
    """Sandbox, evaluator and instances made ready. Hidden splits where the instances have them, else validation.

    ``isolation`` is "strict", "best" (whatever the machine offers) or "none" (practice on one's own code). Raises UsageError
    where it is "strict" and this machine can't confine submissions well enough, or data are hidden that nothing here guards.
    """
    if isolation == "strict" or any(instance.hidden for instance in instances):
        must_confine()
    devices = _devices(device, rubric, isolation)
    without = LAYERS if isolation == "none" else without

    def sandbox_on(cards: Sequence[Card]) -> Sandbox | Portable:
        if portable.is_wanted():
            return portable.Portable(rubric, without=without)
        from grader.sandbox import Sandbox  # which other systems can't even import

        return Sandbox(rubric, forbidden=forbidden, without=without, standby=standby, cards=cards)

    stations: dict[str, Station] = {}
    with ExitStack() as opened:
        opened.callback(_close_data, stations)
        sandbox, devices = _opened(sandbox_on, devices)
        with ExitStack() as unless_done:
            unless_done.callback(sandbox.close)
            evaluator = _evaluator(devices)
            unless_done.pop_all()
        opened.callback(evaluator.close)
        opened.callback(sandbox.close)
        evaluator.vacates_by(sandbox.vacate)
        if isolation == "strict" and not sandbox.isolation.guards_hidden_data:
            raise UsageError(f"no sandbox: {_what_is_missing(sandbox.isolation)}; {_NOTHING_RUN}")
        for instance in instances:
            stations[instance.name] = _station(instance, evaluator)
        conditions = Conditions(
            {name: station.digest for name, station in stations.items()},
            circumstances(rubric, sandbox.isolation.level, evaluator.kind, runs_on=sandbox.kind),
            sandbox.isolation,
        )
        bench = Bench(
            sandbox, evaluator, stations, conditions, store, environment(evaluator, sandbox.kind), why_no_gpu=devices.why_not
        )
        yield replace(bench, turn=evaluator.turn(sandbox.room or _UNLIMITED))


def _close_data(stations: Mapping[str, Station]) -> None:
    for station in stations.values():
        os.close(station.data.fd)


def must_confine() -> None:
    """For hidden data. Raises UsageError on a system where submissions can't be confined at all."""
    if portable.is_wanted():
        raise UsageError(
            f"no sandbox: {portable.system()} can't confine submissions, and hidden data need that; grade them on Linux "
            "(in a virtual machine, or on a CI runner), and use 'check' here for practice"
        )


# --- devices ----------------------------------------------------------------------------------------------------------


def _devices(device: str, rubric: Rubric, isolation: str) -> Devices:
    cards = find_cards(device)
    may_run = rubric.allow.gpu and isolation != "none" and not portable.is_wanted()
    # Of several all but the last, which then has hidden data while they run.
    for_runs = (cards[:-1] or cards) if may_run else ()
    return Devices(cards, for_runs, is_demanded=isolation == "strict" and device.startswith("cuda"))


def find_cards(device: str) -> tuple[Card, ...]:
    """The GPUs that are meant; no library is asked for them where none is."""
    if device == "cpu" or not (device.startswith("cuda") or Path("/proc/driver/nvidia/version").exists()):
        return ()
    with signals.held():
        from grader import device as devices

    return devices.find(device)


def _opened(sandbox_on: Callable[[Sequence[Card]], Sandbox | Portable], devices: Devices) -> tuple[Sandbox | Portable, Devices]:
    """The sandbox, whose nursery imports torch; at the same time it is imported here. Which devices came of it, as well."""
    sandbox = sandbox_on(devices.for_runs)
    with ThreadPoolExecutor(1) as beside:
        opening = beside.submit(sandbox.__enter__)
        with signals.held(), _no_garbage():
            import grader.evaluate  # noqa: F401

        try:
            opening.result()
        except NoGpuError as error:
            if devices.is_demanded:
                remedy = "set allow.gpu: false in rubric.yaml, or use --device cpu"
                raise UsageError(f"{error}; {remedy}; {_NOTHING_RUN}") from None
            return _opened(sandbox_on, replace(devices, for_runs=(), why_not=str(error)))
        except GraderError as error:
            raise UsageError(f"no sandbox: {error}; {_NOTHING_RUN}") from None
    return sandbox, devices


def _evaluator(devices: Devices) -> Evaluates:
    if not devices.all:
        from grader.evaluate import Evaluator

        return Evaluator()
    from grader.device import DeviceEvaluator, Place

    places = [*map(Place.on, devices.for_evaluation), Place.processor()]
    return DeviceEvaluator(places, name=devices.all[-1].name, shared=devices.are_shared)


@contextmanager
def _no_garbage() -> Iterator[None]:
    """An import makes none, and looking for it takes a tenth of the time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _what_is_missing(isolation: Isolation) -> str:
    """Why hidden data is refused, in one sentence."""
    lacking = isolation.missing
    if {"namespaces", "landlock"} <= lacking.keys():
        return f"Landlock and user namespaces are both missing, and hidden data needs one of them ({lacking['namespaces']})"
    needed = [layer for layer in ("seccomp", "capabilities", "descriptors", "environment") if layer in lacking]
    return f"isolation is {isolation.level}, hidden data needs L2 ({'; '.join(f'{layer}: {lacking[layer]}' for layer in needed)})"


# --- what a run depends on --------------------------------------------------------------------------------------------


def environment(evaluator: Evaluates, runs_on: str) -> dict[str, str]:
    """Versions that a measurement may depend on."""
    return {
        "grader": grader.__version__,
        "python": platform.python_version(),
        "torch": evaluator.torch_version,
        "numpy": np.__version__,
        "device": evaluator.name,
        **({"runs_on": runs_on} if evaluator.kind != "cpu" else {}),
        "machine": platform.machine(),
    }


def _station(instance: Instance, evaluator: Evaluates) -> Station:
    split = instance.hidden or instance.validation
    samples = evaluator.upload(split.inputs, split.targets)
    return Station(PublicData.of(instance.name, instance.public_arrays()), samples, instance.digest)


def circumstances(rubric: Rubric, level: str, device: str, *, runs_on: str) -> dict[str, object]:
    """What a run depends on besides submission and instance: the level of isolation, and the kinds of device (cpu or cuda)."""
    return {
        "limits": rubric.limits.model_dump(mode="json"),
        "allow": rubric.allow.model_dump(mode="json"),
        "seed": SEED,
        "isolation": level,
        "grader": grader.__version__,
        "python": platform.python_version(),
        "torch": _installed_version("torch"),
        "packages": {name: _installed_version(name) for name in rubric.allow.packages},
        "device": device,
        "runs_on": runs_on,
    }


def missing_packages(rubric: Rubric) -> list[str]:
    """Packages that the rubric lets submissions import, but which are not installed here."""
    return [name for name in rubric.allow.packages if _installed_version(name) is None]


def _installed_version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
