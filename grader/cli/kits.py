"""The command that builds what others need: students, Gradescope, GitHub, GitLab."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from grader import rubric as rubrics
from grader.cli.options import DEFAULT_RUBRIC, QuietOption, RubricOption, home_of
from grader.cli.terminal import answering, building, tell
from grader.errors import unwritable
from grader.kits import build as kits
from grader.rubric import Rubric


class Kind(StrEnum):
    student = "student"
    gradescope = "gradescope"
    github = "github"
    gitlab = "gitlab"


NEXT = {
    Kind.student: "give it to students: 'python check.py' in the unpacked folder is all they need",
    Kind.gradescope: (
        "upload it as the assignment's autograder, and set the assignment's points to {points:g}; in a container of "
        "{container} MB a run may use {run} MB, see --memory-mb"
    ),
    Kind.github: "submission/ is what each student's repository holds, instructor/ is your own, private one; see its README.md",
    Kind.gitlab: "unpack it into the project that students fork; see its README.md",
}
OPEN_TO_BREAKOUTS = (
    "it holds {count} hidden samples, and Gradescope runs students' code beside them: a student who breaks out of the sandbox "
    "there can read them; keep the official run on a machine of your own"
)


def kit(
    kind: Annotated[Kind, typer.Argument(help="Whom it is for.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The zip to write.", metavar="FILE")],
    rubric: RubricOption = DEFAULT_RUBRIC,
    hidden: Annotated[
        int, typer.Option(min=0, help="gradescope: pack N samples of the public model's hidden test data.", metavar="N")
    ] = 0,
    memory_mb: Annotated[
        int, typer.Option("--memory-mb", min=768, max=1 << 20, help="gradescope: memory of its container.", metavar="MB")
    ] = kits.GRADESCOPE_MEMORY_MB,
    quiet: QuietOption = False,
) -> None:
    """Build a zip with the grader and nothing hidden in it, for students, Gradescope, GitHub or GitLab.

    Example: grade.py kit student -o student-kit.zip
    Example: grade.py kit gradescope -o autograder.zip --hidden 2000
    """
    rules = Rubric() if rubric == DEFAULT_RUBRIC and not rubric.exists() else rubrics.load(rubric)
    with building(quiet) as progress:
        data = kits.build(
            kind.value, rules, rubric.absolute().parent, home_of(rubric), hidden=hidden, memory_mb=memory_mb, progress=progress
        )
    _write(output, data)
    with answering():
        print(f"{output}: {len(data) / 1e6:.1f} MB; {_next(kind, rules, memory_mb)}")
    if hidden:
        tell(f"warning: {OPEN_TO_BREAKOUTS.format(count=hidden)}", style="yellow")


def _next(kind: Kind, rules: Rubric, memory_mb: int) -> str:
    run = kits.for_gradescope(rules, memory_mb).limits.memory_bytes >> 20
    return NEXT[kind].format(points=rules.max_points, container=memory_mb, run=run)


def _write(path: Path, data: bytes) -> None:
    """At once or not at all."""
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            temporary.write_bytes(data)
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise unwritable(path, error) from None
