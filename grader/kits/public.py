"""A rubric and its task as everybody may see them: what a kit holds of both."""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from grader import owndata, rubric, task
from grader.errors import UsageError
from grader.kits.archive import Member
from grader.kits.wheel import NAME
from grader.rubric import Rubric, TaskFiles, TaskSection

_REQUIREMENT = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)")
HEADER = "# How submissions are run and marked, with every key spelled out. Made by 'kit' from the instructor's rubric.\n"


@dataclass(frozen=True, slots=True)
class PublicTask:
    """What a self-check needs beside the grader, by paths relative to the rubric."""

    rubric: Rubric
    files: dict[str, Member]  # data, where they don't follow from the seed alone
    model: bytes  # the trained model as .safetensors


def public_task(rules: Rubric, rubric_dir: Path, home: Path, progress: task.Progress = lambda name, done: None) -> PublicTask:
    """The public instance alone: neither the secret nor a hidden file is opened.

    Raises UsageError for own data that can't be read.
    """
    late = rules.late.model_copy(update={"extensions": {}}) if rules.late else None  # who has one is nobody else's business
    rules = rules.model_copy(update={"device": "auto", "late": late, "anonymous": False})  # the device of whoever uses the kit
    instance = task.public(rules, rubric_dir, home, progress)
    model = owndata.model_bytes(instance.model)
    if rules.task.files:
        names, files = _own_files(rules.task.files, rubric_dir)
        rules = rules.model_copy(update={"task": TaskSection(files=names)})
        return PublicTask(rules, files, model)
    cached = task.public_cache(rules, home, progress)
    return PublicTask(rules, {f".prunegrade/{cached[0]}": Member(cached[1])} if cached else {}, model)


def rubric_text(rules: Rubric) -> bytes:
    return (HEADER + rubric.to_yaml(rules)).encode()


def _own_files(given: TaskFiles, rubric_dir: Path) -> tuple[TaskFiles, dict[str, Member]]:
    """The instructor's own files under names that say nothing of where they lie; the hidden one is named and left out."""
    files = {}
    names = {"hidden": f"data/hidden{PurePosixPath(given.hidden).suffix}"}
    for part in ("train", "validation", "model"):
        path = rubric_dir / getattr(given, part)
        if path.resolve() == (rubric_dir / given.hidden).resolve():
            raise UsageError(f"{path}: is the hidden file and task.files.{part} as well; a kit can't hold it")
        names[part] = f"data/{part}{path.suffix}"
        files[names[part]] = Member(path.read_bytes())
    return TaskFiles(**names), files


def constraints() -> bytes:
    """Versions of everything that a submission can meet, as they are installed here: for pip's option -c."""
    found: dict[str, str] = {}
    waiting = [NAME]
    while waiting:
        name = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if name in found:
            continue
        try:
            found[name] = importlib.metadata.version(name).partition("+")[0]  # torch's +cpu is a matter of the machine
        except importlib.metadata.PackageNotFoundError:
            continue
        waiting += _required(name)
    lines = [f"{name}=={version}" for name, version in sorted(found.items()) if name != NAME]
    return "".join(f"{line}\n" for line in lines).encode()


def _required(name: str) -> Iterator[str]:
    for line in importlib.metadata.requires(name) or ():
        extra = "extra ==" in line and not (name == NAME and re.search(r"extra == ['\"]packages['\"]", line))
        if not extra and (match := _REQUIREMENT.match(line)):
            yield match[1]
