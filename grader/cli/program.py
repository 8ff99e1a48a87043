"""All commands under one name: defaults, exit status, signals, and one sentence for whatever goes wrong."""

from __future__ import annotations

import io
import os
import re
import signal
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NoReturn

import typer

import grader
from grader import signals
from grader.cli import checking, diagnosis, exporting, grading, kits, ladder, remarking, similarity
from grader.cli.manners import NAME, help_of, tame_help
from grader.cli.terminal import DONE, FAILED, USAGE, Stopped, answering, lead_nowhere
from grader.errors import GraderError, UsageError
from grader.report import text

app = typer.Typer(
    add_completion=True,
    no_args_is_help=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Grades neural-network pruning: each [bold]prune(model)[/bold] runs confined, its weights are scored on hidden data.",
    epilog=f"Without a command, 'batch' is meant: '{NAME}' grades submissions/, '{NAME} FOLDER' grades FOLDER.",
)
for command in (
    grading.batch,
    checking.check,
    remarking.remark,
    ladder.calibrate,
    ladder.sweep,
    grading.init,
    diagnosis.doctor,
    kits.kit,
    exporting.export,
    similarity.similarity,
):
    app.command(help=help_of(command))(command)


def _with_default_command(arguments: Sequence[str]) -> list[str]:
    """``batch`` where no command is named."""
    commands = [command.callback.__name__ for command in app.registered_commands if command.callback]
    own = {"--help", "--version", "--install-completion", "--show-completion"}
    first = arguments[0] if arguments else ""
    if first in commands or first in own:
        return list(arguments)
    if re.fullmatch(r"[a-z]+", first) and not Path(first).exists():
        raise UsageError(f"{first}: expected a command ({', '.join(commands)}) or an existing file or folder")
    return ["batch", *arguments]


@app.callback(invoke_without_command=True)
def version(
    show: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if show:
        print(grader.__version__)
        raise SystemExit(DONE)


def main() -> NoReturn:
    """Run a command and end with the project's exit status: 0 done, 1 below, 2 usage, 3 the grader failed, 130 Ctrl-C."""
    _open_streams()
    tame_help()
    for number in signals.STOPPING:
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup's wish not to hear of it stands
            signal.signal(number, _stop)
    try:
        with answering():
            code = app(args=_with_default_command(sys.argv[1:]), prog_name=NAME, standalone_mode=False)
        _exit(code if isinstance(code, int) else DONE)
    except UsageError as error:
        _exit(USAGE, str(error))
    except GraderError as error:
        _exit(FAILED, str(error))
    except Stopped as stopped:
        _exit(128 + stopped.number, "stopped; run the same command again to go on")
    except SystemExit as ended:
        _exit(ended.code if isinstance(ended.code, int) else DONE)
    except Exception as error:
        _exit(*_explained(error))


def _open_streams() -> None:
    """Streams that the caller has closed lead nowhere, and none of them refuses a character."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest free number, which is this one
    sys.stdout = sys.stdout or open(os.devnull, "w")
    sys.stderr = sys.stderr or open(os.devnull, "w")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _stop(number: int, _: object) -> NoReturn:
    raise Stopped(number)


def _explained(error: Exception) -> tuple[int, str]:
    worded = getattr(error, "format_message", None)
    if worded:  # a wrong option or argument
        command = getattr(getattr(error, "ctx", None), "command_path", NAME)
        sentence = worded().rstrip(".").replace("Value error, ", "")
        return USAGE, f"{sentence[:1].lower()}{sentence[1:]}; see '{command} --help'"
    if os.environ.get("PRUNEGRADE_DEBUG"):
        traceback.print_exc()
    reason = f"{type(error).__name__}: {error}"
    if isinstance(error, OSError) and error.strerror:
        reason = f"{error.filename}: {error.strerror.lower()}" if error.filename else error.strerror.lower()
    return FAILED, f"the grader failed: {reason}; set PRUNEGRADE_DEBUG=1 to see where"


def _exit(code: int, message: str = "") -> NoReturn:
    if message:
        try:
            said = message.replace("'grade.py ", f"'{NAME} ")  # commands that it recommends
            print(f"{NAME}: {text.one_line(said, 4_000)}", file=sys.stderr, flush=True)
        except OSError:
            lead_nowhere(sys.stderr)
    sys.exit(code)
