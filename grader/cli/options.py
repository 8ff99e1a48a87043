"""Options that several commands take, and the folder that goes with a rubric."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from grader import signals
from grader.errors import UsageError
from grader.rubric import Rubric


class Isolated(StrEnum):
    """What a batch may ask for; the instructor's data are never without any."""

    strict = "strict"
    best = "best"


class Practice(StrEnum):
    """What a student's check may ask for."""

    strict = "strict"
    best = "best"
    none = "none"


DEFAULT_RUBRIC = Path("rubric.yaml")  # check does without it: its values are the built-in ones
RubricOption = Annotated[Path, typer.Option("--rubric", help="The rubric to mark by.", metavar="FILE")]
DeviceOption = Annotated[
    str | None,
    typer.Option(
        help="For evaluating, and with allow.gpu for runs: auto, cpu, cuda or cuda:N,M (default: the rubric's).",
        metavar="DEVICE",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON on stdout, and everything else on stderr.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")]
WorkersOption = Annotated[
    int | None, typer.Option(min=1, max=512, help="Submissions at a time, or on each node of --ray (default: the cores at hand).")
]
RayOption = Annotated[
    str | None,
    typer.Option("--ray", help="Grade on a Ray cluster: its head's HOST:PORT, auto, or local.", metavar="ADDRESS"),
]
FreshOption = Annotated[bool, typer.Option("--fresh", help="Run every submission again, whatever the ledger holds.")]
WatchOption = Annotated[
    bool, typer.Option("--watch", help="Check again whenever the files change; Ctrl-C ends with the last check's exit status.")
]
IsolationOption = Annotated[
    Isolated, typer.Option(help="strict refuses a machine that can't confine submissions; best says what is missing.")
]
PracticeOption = Annotated[
    Practice, typer.Option(help="best says what is missing, strict refuses then, none confines nothing: for your own code.")
]


TrainingOption = Annotated[
    str | None, typer.Option("--device", help="Where hidden models are trained: cpu (default), cuda or cuda:N.", metavar="DEVICE")
]


def given_path(text: str | Path) -> Path:
    """For every PATH and OUT. Raises UsageError for an empty one, as of a variable that is not set; Path takes that for '.'."""
    if not str(text):
        raise UsageError("an empty path; expected the name of a file or folder (is a variable empty?)")
    return Path(text)


def training_device(option: str | None) -> str:
    """torch's name of the device to train on. Raises UsageError for one that can't be had."""
    if option in (None, "cpu"):
        return "cpu"
    with signals.held():
        from grader import device

    (first, *others) = device.find(option) or (None,)
    if first is None or others:
        raise UsageError(f"--device is {option!r}, expected cpu, cuda or cuda:N: hidden models are trained on one device")
    os.environ["CUDA_DEVICE_ORDER"] = "PCI_BUS_ID"  # so that torch counts as the grader does
    return str(first)


def device_of(option: str | None, rules: Rubric) -> str:
    """The device that is wanted. Raises UsageError for one that can't be; torch is not imported only to say that auto can."""
    name = option or rules.device
    if name in ("auto", "cpu"):
        return name
    with signals.held():
        from grader import device

    device.find(name)
    return name


def home_of(rubric: Path) -> Path:
    """Where the secret and the caches live: beside the rubric, unless PRUNEGRADE_HOME names another folder."""
    return Path(os.environ.get("PRUNEGRADE_HOME") or rubric.absolute().parent / ".prunegrade")
