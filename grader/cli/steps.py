"""Steps that several commands take: the task made ready, submissions graded while somebody watches."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from grader import batch as batches
from grader import pipeline, task
from grader.cli.options import home_of
from grader.cli.terminal import Stopped, building, messages, shown, tell
from grader.records import Graded, Upload
from grader.rubric import Rubric


def own_files(rules: Rubric, rubric: Path) -> tuple[Path, ...]:
    """Hidden files of the instructor's own data, which no submission may read."""
    files = rules.task.files
    return (rubric.absolute().parent / files.hidden,) if files else ()


def prepare_task(rules: Rubric, rubric: Path, quiet: bool) -> task.Task:
    with building(quiet) as progress:
        return task.load(rules, rubric.absolute().parent, home_of(rubric), progress)


def grade_all(
    uploads: Sequence[Upload], bench: pipeline.Bench, workers: int | None, fresh: bool, quiet: bool, out: Path
) -> list[Graded]:
    """Grade with progress on stderr: a live line on a terminal, else a line for each submission."""
    live = messages.is_terminal and not quiet
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=messages, disable=not live, transient=True) as progress:
        row = progress.add_task("grading", total=len(uploads))

        several = workers or len(os.sched_getaffinity(0))
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
