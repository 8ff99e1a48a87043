"""Steps that several commands take: the task made ready, submissions graded while somebody watches."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from grader import batch as batches
from grader import task
from grader.cli.options import home_of
from grader.cli.terminal import Stopped, building, messages, shown, tell
from grader.errors import UsageError
from grader.evaluate import find_device
from grader.pipeline import Runner, Store
from grader.records import Graded, Upload
from grader.rubric import Rubric


def own_files(rules: Rubric, rubric: Path) -> tuple[Path, ...]:
    """Hidden files of the instructor's own data, which no submission may read."""
    files = rules.task.files
    return (rubric.absolute().parent / files.hidden,) if files else ()


def prepare_task(rules: Rubric, rubric: Path, quiet: bool) -> task.Task:
    with building(quiet) as progress:
        return task.load(rules, rubric.absolute().parent, home_of(rubric), progress)


def device_for(rules: Rubric, asked: str | None, ray: str | None) -> str:
    """The device that is meant here; which one a cluster has, the cluster knows. Raises UsageError where there is none."""
    wanted = asked or rules.device
    return wanted if ray else str(find_device(wanted))


@contextmanager
def open_runner(
    rules: Rubric,
    instances: Sequence[task.Instance],
    *,
    ray: str | None,
    workers: int | None,
    isolation: str,
    device: str,
    forbidden: tuple[Path, ...],
    store: Store,
) -> Iterator[Runner]:
    """This machine, or the Ray cluster at that address. Raises UsageError where it can't be had."""
    if ray is None:
        with batches.open_bench(rules, instances, isolation=isolation, device=device, forbidden=forbidden, store=store) as bench:
            yield bench
        return
    try:
        from grader import cluster, fleet  # needs what is an extra

        fleet.load(ray)
    except ImportError as missing:
        raise UsageError(f"--ray needs the package {missing.name}; install it with: pip install 'prunegrade[cluster]'") from None
    with cluster.open_crew(
        rules,
        instances,
        address=ray,
        workers=workers,
        isolation=isolation,
        device=device,
        forbidden=forbidden,
        store=store,
        notice=lambda sentence: tell(sentence, style="yellow"),
    ) as crew:
        yield crew


def grade_all(uploads: Sequence[Upload], bench: Runner, workers: int | None, fresh: bool, quiet: bool, out: Path) -> list[Graded]:
    """Grade with progress on stderr: a live line on a terminal, else a line for each submission."""
    live = messages.is_terminal and not quiet
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=messages, disable=not live, transient=True) as progress:
        row = progress.add_task("grading", total=len(uploads))

        several = bench.slots or workers or len(os.sched_getaffinity(0))
        done: dict[str, Graded] = {}
        try:
            for graded in batches.grade_all(uploads, bench, workers=several, fresh=fresh):
                done[graded.upload.student] = graded
                progress.update(row, advance=1, description=f"graded {shown(graded.upload.student, 40)}")
                if not live and not quiet:
                    verdict = next((o.verdict for o in graded.outcomes if o.verdict != "graded"), "graded")
                    tell(f"{shown(graded.upload.student, 60)}: {verdict}")
        except Stopped:
            tell(f"what was graded so far is safe in {out}")
            raise
    return [done[upload.student] for upload in uploads]
