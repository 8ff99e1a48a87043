"""The command similarity: what submissions have in common, on one page for the instructor."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from grader.cli.exporting import read_grades
from grader.cli.options import QuietOption, given_path
from grader.cli.terminal import answering, cell, counted, messages, shown
from grader.errors import UsageError
from grader.export.replacing import replacing
from grader.similarity import entries as read
from grader.similarity.classes import Found, compare
from grader.similarity.page import similarity_page

TOLD = 10  # pairs


def similarity(
    paths: Annotated[
        list[Path],
        typer.Argument(
            help="What 'batch' wrote, submissions, or folders of these; last year's too.", metavar="OUT|PATH", parser=given_path
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The page.", metavar="FILE.html")] = Path("similarity.html"),
    template: Annotated[
        list[Path] | None, typer.Option(help="What everybody was given; it does not count. Repeatable.", metavar="FILE")
    ] = None,
    least: Annotated[float, typer.Option(min=0.05, max=1.0, help="List pairs that share so much of one's own code.")] = 0.3,
    most: Annotated[int, typer.Option(min=1, max=500, help="Show so many pairs, those that share most.")] = 40,
    quiet: QuietOption = False,
) -> None:
    """Show what submissions have in common, side by side: a hint for the instructor, never a verdict.

    Compares uploads, returned weights (of a batch that was graded) and code: runs of tokens, whatever the names, comments and
    layout. The submissions are read as text and never run.

    Example: grade.py similarity reports/ --template handed-out/prune.py
    Example: grade.py similarity this-year/ last-year/ -o similarity.html
    """
    given = template or []
    texts = read.template(given)
    batches = [read.Graded(path, read_grades(path)) for path in paths if _is_batch(path)]
    entries = read.collect(batches, [path for path in paths if not _is_batch(path)])
    if len(entries) < 2:
        raise UsageError(f"{paths[0]}: holds one submission, expected several to compare")
    found = _compared(entries, texts, least, most, quiet)
    with replacing(output) as file:
        file.write(similarity_page(found, [shown(path.name, 60) for path in given], least).encode("utf-8"))
    with answering():
        _print(found)
        print(f"page: {output}")


def _is_batch(path: Path) -> bool:
    return path.name == "grades.json" or (path / "grades.json").is_file()


def _compared(entries: list[read.Entry], texts: list[str], least: float, most: int, quiet: bool) -> Found:
    live = messages.is_terminal and not quiet
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=messages, disable=not live, transient=True) as progress:
        row = progress.add_task("reading", total=len(entries))

        def on_read(done: int) -> None:
            progress.update(row, completed=done)

        return compare(entries, texts, least=least, most=most, on_read=on_read)


def _print(found: Found) -> None:
    labels = [entry.label for entry in found.entries]
    pairs = counted(len(found.pairs), "pair")
    print(f"{found.compared} of {len(labels)} submissions compared: {pairs} listed. A hint, never a verdict.")
    for words, groups in (
        ("identical files", found.same_files),
        ("the same code", found.same_code),
        ("identical weights", found.same_weights),
    ):
        for group in groups[:TOLD]:
            print(f"{words}: {shown(', '.join(labels[place] for place in group), 200)}")
    for pair in found.pairs[:TOLD]:
        first, second = cell(labels[pair.first], 32), cell(labels[pair.second], 32)
        shares = f"{first} ({_whole(pair.first_share)}) and {second} ({_whole(pair.second_share)})"
        print(f"{_whole(pair.similarity):>5}  {shares}: {pair.shared} tokens")
    if len(found.pairs) > TOLD:
        print(f"and {counted(len(found.pairs) - TOLD, 'more pair')}")


def _whole(share: float) -> str:
    """Never rounded up: 100 % means all."""
    return f"{int(100 * share)} %"
