"""Schedules submissions over several workers: each takes the whole path of ``pipeline.grade``."""

from __future__ import annotations

import gc
import importlib.metadata
import os
import platform
from collections.abc import Collection, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import grader
from grader import portable, signals
from grader.errors import GraderError, NoGpuError, UsageError
from grader.handover import SEED, PublicData
from grader.pipeline import Bench, Conditions, Runner, Station, Store, grade, read, recall
from grader.records import LAYERS, Graded, Isolation, Upload
from grader.rubric import Rubric
from grader.task import Instance, reference_folder

if TYPE_CHECKING:
    from grader.cards import Card
    from grader.pipeline import Evaluates
    from grader.portable import Portable
    from grader.sandbox import Sandbox

REFERENCE = "linear_bridge"  # of the ladder's methods, the one that every submission is compared with
_UNLIMITED = 1 << 20  # runs at a time, where whoever asks for them limits them
_NOTHING_RUN = "nothing was run (see `grade.py doctor`)"


def reference_upload() -> Upload:
    """The reference solution, an ordinary submission."""
    path = reference_folder() / f"{REFERENCE}.py"
    return Upload(student="reference", name=path.name, source=str(path), path=path)


def ladder() -> list[Upload]:
    """Every method of reference/, each an ordinary submission under its file's stem, in order of their names."""
    paths = sorted(reference_folder().glob("*.py"))
    return [Upload(student=path.stem, name=path.name, source=str(path), path=path) for path in paths]


def grade_reference(bench: Runner) -> Graded:
    """The reference, from the ledger if it was graded before. Where it failed, the installation did: it is run again."""
    upload = reference_upload()
    known = recall(upload, read(upload), bench.conditions, bench.store) if bench.store else None
    return grade(upload, bench, fresh=bool(known and any(outcome.failure for outcome in known.outcomes)))


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
    cards = _cards(device)
    theirs = _for_runs(cards, rubric) if isolation != "none" and not portable.is_wanted() else ()
    without = LAYERS if isolation == "none" else without
    stations: dict[str, Station] = {}
    with ExitStack() as opened:
        opened.callback(_close_data, stations)
        insists = isolation == "strict" and device.startswith("cuda")
        sandbox, evaluator = _open(rubric, forbidden, without, standby, cards, theirs, insists)
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
        bench = Bench(sandbox, evaluator, stations, conditions, store, environment(evaluator, sandbox.kind))
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


def _cards(device: str) -> tuple[Card, ...]:
    """The GPUs that are meant; no library is asked for them where none is."""
    if device == "cpu" or not (device.startswith("cuda") or Path("/proc/driver/nvidia/version").exists()):
        return ()
    with signals.held():
        from grader import device as devices

    return devices.find(device)


def _for_runs(cards: tuple[Card, ...], rubric: Rubric) -> tuple[Card, ...]:
    """Where submissions may run: of several GPUs all but the last, which then has hidden data while they do."""
    return () if not rubric.allow.gpu else cards[:-1] or cards


def _open(
    rubric: Rubric,
    forbidden: tuple[Path, ...],
    without: Collection[str],
    standby: bool,
    cards: tuple[Card, ...],
    theirs: tuple[Card, ...],
    insists: bool,
) -> tuple[Sandbox | Portable, Evaluates]:
    """Opens the sandbox, whose nursery imports torch, and at the same time imports it here.

    ``theirs`` are the GPUs for runs; unless somebody ``insists``, what can't run there runs on the processor.
    """
    sandbox = _sandbox(rubric, forbidden, without, standby, theirs)
    with ThreadPoolExecutor(1) as beside:
        opening = beside.submit(sandbox.__enter__)
        with signals.held(), _no_garbage():
            from grader.evaluate import Evaluator

        try:
            opening.result()
        except NoGpuError as error:
            if not insists:  # the report's environment says where submissions ran
                return _open(rubric, forbidden, without, standby, cards, (), insists)
            raise UsageError(f"{error}; set allow.gpu: false in rubric.yaml, or use --device cpu; {_NOTHING_RUN}") from None
        except GraderError as error:
            raise UsageError(f"no sandbox: {error}; {_NOTHING_RUN}") from None
    if not cards:
        return sandbox, Evaluator()
    from grader.device import DeviceEvaluator, Place

    places = [Place.on(card) for card in reversed(cards) if card not in theirs] or [Place.on(card) for card in cards]
    places.append(Place.processor())
    return sandbox, DeviceEvaluator(places, name=cards[-1].name, shared=cards == theirs)


def _sandbox(
    rubric: Rubric, forbidden: tuple[Path, ...], without: Collection[str], standby: bool, cards: tuple[Card, ...]
) -> Sandbox | Portable:
    if portable.is_wanted():
        return portable.Portable(rubric, without=without)
    from grader.sandbox import Sandbox  # which other systems can't even import

    return Sandbox(rubric, forbidden=forbidden, without=without, standby=standby, cards=cards)


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


def grade_all(uploads: Iterable[Upload], bench: Runner, *, workers: int, fresh: bool) -> Generator[Graded, None, None]:
    """Grade all, and yield each as soon as it is done, whoever finishes first; none of them is held on to.

    ``workers`` submissions run at a time, and another one may be evaluated meanwhile. A GraderError (the disk is full, say),
    Ctrl-C or closing the iterator stops the batch; what the store has by then stays.
    """
    threads = workers
    if isinstance(bench, Bench):  # here evaluation is this process's own work, and may go on beside the next run
        workers = min(workers, bench.sandbox.room or workers)
        bench, threads = replace(bench, turn=bench.evaluator.turn(workers)), workers + bench.evaluator.backlog
    with ThreadPoolExecutor(max_workers=threads, thread_name_prefix="worker") as pool:
        waiting = iter(_by_submission(uploads))
        running: set[Future[list[Graded]]] = set()
        try:
            while True:
                while len(running) < threads and (same := next(waiting, None)):
                    running.add(pool.submit(_grade_same, same, bench, fresh=fresh))
                if not running:
                    break
                # Woken twice a second: a signal that came just before the wait is handled only after it.
                done, running = wait(running, timeout=0.5, return_when=FIRST_COMPLETED)
                while done:
                    yield from done.pop().result()
        except BaseException:
            bench.close()  # ends the runs in flight, which the pool would otherwise wait for
            raise


def _by_submission(uploads: Iterable[Upload]) -> list[list[Upload]]:
    """The submissions, each with everybody who handed it in: a group's stands for all its members."""
    places: dict[tuple[object, ...], list[Upload]] = {}
    for upload in uploads:
        who = None if upload.handed_in else upload.student
        places.setdefault((upload.path, upload.parts, who, *upload.parameters.items()), []).append(upload)
    return list(places.values())


def _grade_same(uploads: Sequence[Upload], bench: Runner, *, fresh: bool) -> list[Graded]:
    """One submission is run once; the others who handed it in get what the store has by then."""
    first = grade(uploads[0], bench, fresh=fresh)
    return [first, *(grade(upload, bench) for upload in uploads[1:])]


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
