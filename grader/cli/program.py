"""All commands under one name: defaults, exit status, signals, and one sentence for whatever goes wrong."""

from __future__ import annotations

import os
import re
import signal
import sys
import traceback
from collections.abc import Sequence
from typing import Annotated, NoReturn

import typer
from typer.main import get_command

import grader
from grader import signals
from grader.cli import checking, diagnosis, exporting, grading, kits, ladder, remarking, similarity
from grader.cli.manners import HELP, INSTALLED, KIT, NAME, as_called, help_of, tame_help
from grader.cli.mistakes import command_of, told
from grader.cli.terminal import DONE, FAILED, USAGE, Stopped, guarded
from grader.errors import GraderError, UsageError, unusable
from grader.report import text

app = typer.Typer(
    add_completion=True,
    no_args_is_help=False,
    pretty_exceptions_enable=False,
    context_settings=HELP,
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
    app.command(help=help_of(command), context_settings=HELP)(command)
COMMANDS = [command.callback.__name__ for command in app.registered_commands if command.callback]
COMPLETION = {"--install-completion", "--show-completion"}


def _with_default_command(arguments: Sequence[str]) -> list[str]:
    """``batch`` where no command is named."""
    first = arguments[0] if arguments else ""
    if first in COMPLETION:
        _refuse_completion(first, arguments[1:])
    if first in COMMANDS or first in {"--help", "-h", "--version", *COMPLETION}:
        return list(arguments)
    if re.fullmatch(r"[a-z]+", first) and not os.path.exists(first):
        raise UsageError(f"{first}: expected a command ({', '.join(COMMANDS)}) or an existing file or folder")
    return ["batch", *arguments]


def _refuse_completion(option: str, words: Sequence[str]) -> None:
    """What a shell completes is a command on its path; and which shell it is, the parser finds out by itself."""
    if NAME != INSTALLED:
        raise UsageError(f"{option}: completion is for the installed {INSTALLED!r}, this is {NAME!r}; use '{INSTALLED} {option}'")
    if words:
        raise UsageError(f"{option} {words[0]}: expected nothing after {option}, which is for the shell that calls it")


@app.callback(invoke_without_command=True)
def version(
    show: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if show:
        print(grader.__version__)
        raise typer.Exit(DONE)


def main() -> NoReturn:
    """Run a command and end with the project's exit status: 0 done, 1 below, 2 usage, 3 the grader failed, 130 Ctrl-C."""
    _open_streams()
    tame_help()
    for number in signals.STOPPING:
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup's wish not to hear of it stands
            signal.signal(number, _stop)
    try:
        _exit(_called(sys.argv[1:]))
    except UsageError as error:
        _exit(USAGE, str(error))
    except GraderError as error:
        _exit(FAILED, str(error))
    except Stopped as stopped:
        _exit(128 + stopped.number, "stopped; run the same command again to go on")
    except Exception as error:
        _exit(*_explained(error))


def _called(arguments: Sequence[str]) -> int:
    """Run the command that the arguments name. Returns its exit status; all that it has printed is out by then."""
    kit = NAME == KIT  # whose students have one command
    program = get_command(app).commands["check"] if kit else app  # type: ignore[attr-defined]
    words = list(arguments) if kit else _with_default_command(arguments)
    try:
        code = program(args=words, prog_name=NAME, standalone_mode=False)
    except SystemExit as ended:
        if isinstance(ended.__context__, BrokenPipeError):  # a pipe within the grader: typer gives that a status of 1
            raise ended.__context__ from None
        code = ended.code
    except Exception as error:
        if sentence := told(error, NAME if kit else command_of(words, COMMANDS)):
            raise UsageError(sentence) from None
        raise
    sys.stdout.flush()
    return code if isinstance(code, int) else DONE


def _open_streams() -> None:
    """Streams that the caller has closed lead nowhere, and none of them refuses a character."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest free number, which is this one
    sys.stdout = guarded(sys.stdout or open(os.devnull, "w"), matters=True)
    sys.stderr = guarded(sys.stderr or open(os.devnull, "w"), matters=False)


def _stop(number: int, _: object) -> NoReturn:
    raise Stopped(number)


def _explained(error: Exception) -> tuple[int, str]:
    if os.environ.get("PRUNEGRADE_DEBUG"):
        traceback.print_exc()
    if isinstance(error, OSError) and isinstance(error.filename, str | bytes):
        instead, later = "give yourself access, or name another", "make room and run the same command again"
        refused = unusable(os.fsdecode(error.filename), "can't be read or written", error, instead=instead, later=later)
        return USAGE if isinstance(refused, UsageError) else FAILED, str(refused)
    reason = (error.strerror or "").lower() if isinstance(error, OSError) else ""
    return FAILED, f"the grader failed: {reason or f'{type(error).__name__}: {error}'}; set PRUNEGRADE_DEBUG=1 to see where"


def _exit(code: int, message: str = "") -> NoReturn:
    if message:
        said = as_called(message, quote="'")  # commands that it recommends
        print(f"{NAME}: {text.one_line(said, 4_000)}", file=sys.stderr, flush=True)
    sys.exit(code)
