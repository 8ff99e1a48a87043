"""What the tests of the whole program share: one prepared home, small rubrics, and the program itself as a process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = ROOT / "grade.py"


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for PRUNEGRADE_HOME with secret, hidden data and one hidden model, built once for all tests."""
    folder = tmp_path_factory.mktemp("prepared")
    rubric = rubric_file(folder, instances={"hidden": 1})
    done = run_program("init", "--rubric", rubric, home=folder / "home")
    assert done.returncode == 0, done.stderr
    return folder / "home"


def rubric_file(folder: Path, **changes: Any) -> Path:
    """Write ``folder/rubric.yaml`` with small limits and no hidden instance. A change updates its section, or replaces it.

    Example: ``rubric_file(tmp_path, instances={"hidden": 1}, limits={"cpu_seconds": 2})``.
    """
    rubric = yaml.safe_load((ROOT / "rubric.yaml").read_text(encoding="utf-8"))
    rubric["instances"] = {"hidden": 0}
    rubric["limits"] |= {"cpu_seconds": 5, "wall_seconds": 20}
    for section, change in changes.items():
        merges = isinstance(change, Mapping) and isinstance(rubric.get(section), Mapping)
        rubric[section] = {**rubric[section], **change} if merges else change
    path = folder / "rubric.yaml"
    path.write_text(yaml.safe_dump(rubric), encoding="utf-8")
    return path


def program(*arguments: object, python: str = sys.executable) -> list[str]:
    """The command line that starts the program."""
    return [python, str(PROGRAM), *map(str, arguments)]


def environment(home: Path | None, **also: str) -> dict[str, str]:
    """The caller's environment without what would colour or widen the output; an empty value in ``also`` removes a name."""
    taken_away = {"PRUNEGRADE_HOME", "PRUNEGRADE_DEBUG", "FORCE_COLOR", "NO_COLOR", "COLUMNS"}
    kept = {name: value for name, value in os.environ.items() if name not in taken_away}
    kept |= {"PRUNEGRADE_HOME": str(home)} if home else {}
    return {name: value for name, value in (kept | also).items() if value}


def run_program(
    *arguments: object,
    home: Path | None = None,
    cwd: Path = ROOT,
    env: Mapping[str, str] | None = None,
    before: Sequence[str] = (),
    **options: Any,
) -> subprocess.CompletedProcess[str]:
    """Run ``grade.py ARGUMENTS`` to its end, ``before`` being words of a command that starts it, such as prlimit."""
    return subprocess.run(
        [*before, *program(*arguments)],
        cwd=cwd,
        env=environment(home, **(env or {})),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="backslashreplace",
        timeout=300,
        **options,
    )
