"""Steps that several commands take: the task made ready, submissions graded while somebody watches."""

from __future__ import annotations

import datetime
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Self

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from grader import adjustments, attempts, intake, task
from grader import roster as rosters
from grader.adjustments import Adjustments
from grader.batch import grade_all as grade_uploads
from grader.cli.options import device_of, home_of
from grader.cli.stored import Stored
from grader.cli.terminal import Stopped, building, messages, shown, tell
from grader.errors import UsageError
from grader.opening import missing_packages, open_bench
from grader.pipeline import Runner, Store
from grader.records import Graded, Upload
from grader.report import write
from grader.report.rungs import load_ladder
from grader.report.schema import About
from grader.rubric import Rubric


def own_files(rules: Rubric, rubric: Path) -> tuple[Path, ...]:
    """Hidden files of the instructor's own data, which no submission may read."""
    files = rules.task.files
    return (rubric.absolute().parent / files.hidden,) if files else ()


def decisions(rubric: Path, rules: Rubric, students: Sequence[str]) -> Adjustments:
    """What adjustments.yaml beside the rubric says; of students that the batch does not know, the instructor is told."""
    found = adjustments.load(rubric, rules)
    if strangers := found.unknown(students):
        tell(f"{rubric.with_name(adjustments.FILE)}: not in this batch: {shown(', '.join(strangers), 300)}", style="yellow")
    return found


def handed_in(paths: Sequence[Path], roster: Path | None, which: str) -> list[Upload]:
    """The uploads to grade: all that the paths name, by the roster if there is one, and of several attempts those that count."""
    remarks: list[str] = []
    uploads = intake.find(paths, remarks)
    if roster:
        uploads = rosters.enrol(uploads, rosters.load(roster, remarks), remarks)
    if which == "newest":
        uploads = attempts.newest(uploads)
    for remark in remarks:
        tell(shown(remark, 500))
    return uploads


def tell_of_missing_packages(rules: Rubric) -> None:
    """An import of one would fail, and cost a submission its points."""
    if missing := missing_packages(rules):
        names = shown(", ".join(missing), 300)
        tell(f"not installed here, though allow.packages lists them: {names}; no import of them works", style="yellow")


def prepare_task(rules: Rubric, rubric: Path, quiet: bool, train_on: str = "cpu") -> task.Task:
    with building(quiet) as progress:
        return task.load(rules, rubric.absolute().parent, home_of(rubric), progress, train_on)


@dataclass(frozen=True, slots=True)
class Where:
    """Where a command's runs are, as its options say: on this machine, or on the Ray cluster at an address."""

    ray: str | None
    workers: int | None
    isolation: str
    device: str

    @classmethod
    def of(cls, rules: Rubric, device: str | None, workers: int | None, ray: str | None, isolation: str) -> Self:
        """Raises UsageError for a device that is not here; which one a cluster has, the cluster knows."""
        return cls(ray, workers, isolation, (device or rules.device) if ray else device_of(device, rules))

    @contextmanager
    def open(
        self, rules: Rubric, instances: Sequence[task.Instance], forbidden: tuple[Path, ...], store: Store
    ) -> Iterator[Runner]:
        """Raises UsageError where it can't be had."""
        common: dict[str, Any] = {
            "isolation": self.isolation, "device": self.device, "forbidden": forbidden, "store": store
        }  # fmt: skip
        if self.ray is None:
            tell_of_missing_packages(rules)
            with open_bench(rules, instances, **common) as bench:
                if bench.why_no_gpu:
                    tell(f"submissions run on the processor: {shown(bench.why_no_gpu, 500)}", style="yellow")
                yield bench
            return
        try:
            from grader import cluster, fleet  # needs what is an extra

            fleet.load(self.ray)
        except ImportError as missing:
            remedy = "install it with: pip install 'prunegrade[cluster]'"
            raise UsageError(f"--ray needs the package {missing.name}; {remedy}") from None
        notice = partial(tell, style="yellow")
        with cluster.open_crew(rules, instances, address=self.ray, workers=self.workers, notice=notice, **common) as crew:
            yield crew


def grade_all(
    uploads: Sequence[Upload], bench: Runner, workers: int | None, fresh: bool, quiet: bool, out: Path
) -> Iterator[Graded]:
    """Grade with progress on stderr: a live line on a terminal, else a line for each submission."""
    live = messages.is_terminal and not quiet
    columns = (
        SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(),
    )  # fmt: skip
    pace = Pace(len(uploads))
    with Progress(*columns, console=messages, disable=not live, transient=True) as progress:
        row = progress.add_task("grading", total=len(uploads), rate="")
        several = bench.slots or workers or _cores()
        try:
            with closing(grade_uploads(uploads, bench, workers=several, fresh=fresh)) as finished:
                for graded in finished:
                    yield graded
                    pace.tick()
                    progress.update(row, advance=1, description=f"graded {shown(graded.upload.student, 40)}", rate=pace.rate)
                    if not live and not quiet:
                        tell(f"{shown(graded.upload.student, 60)}: {graded.verdict}")
                        if pace.is_due:
                            tell(pace.sentence)
        except Stopped:
            tell(f"what was graded so far is safe in {out}")
            raise


def _cores() -> int:
    """That this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Pace:
    """How fast a batch goes, and when it will be done."""

    EVERY = 100  # submissions between two lines of a log

    def __init__(self, total: int) -> None:
        self._total, self._done, self._started = total, 0, time.monotonic()

    def tick(self) -> None:
        self._done += 1

    @property
    def is_due(self) -> bool:
        return self._done % self.EVERY == 0 and self._done < self._total

    @property
    def rate(self) -> str:
        return f"{self._per_second:.1f}/s" if self._per_second >= 1 else f"{60 * self._per_second:.1f}/min"

    @property
    def sentence(self) -> str:
        left = datetime.timedelta(seconds=round((self._total - self._done) / self._per_second))
        return f"{self._done:,} of {self._total:,} graded, {self.rate}, {left} left"

    @property
    def _per_second(self) -> float:
        return self._done / max(1e-9, time.monotonic() - self._started)


def write_reports(out: Path, stored: Stored, about: About, home: Path, quiet: bool) -> None:
    """Everything that OUT holds besides the ledger, with progress on stderr where it takes long."""
    batch, rules = stored.batch, stored.rules
    columns = (SpinnerColumn(), TextColumn("writing reports"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=messages, disable=quiet or not messages.is_terminal, transient=True) as progress:
        row = progress.add_task("", total=len(batch.students))
        write.write_batch(
            out,
            about,
            stored,
            rules,
            stored.gallery(),
            load_ladder(task.reference_folder(), rules),
            standalone=batch.standalone,
            pseudonym_key=task.pseudonym_key(home) if batch.leaderboard else None,
            on_written=lambda count: progress.update(row, completed=count),
        )
    write.write_identities(out, stored.identities() if rules.anonymous else None, stored.pseudonyms)
