"""What README.md and the pages of docs/ say is there is there, and what is there stands in them."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import get_args

import pytest
import yaml
from pydantic import BaseModel

from grader.cli.program import app
from grader.cli.terminal import BELOW, DONE, FAILED, USAGE
from grader.records import Verdict
from grader.rubric import Rubric, parse

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
RUBRIC_PAGE = (ROOT / "docs" / "rubric.md").read_text()
COMMANDS = [command.callback.__name__ for command in app.registered_commands if command.callback]


def keys(section: type[BaseModel], prefix: str = "") -> list[str]:
    found = []
    for name, field in section.model_fields.items():
        inner = field.annotation
        nested = isinstance(inner, type) and issubclass(inner, BaseModel)
        found += keys(inner, f"{prefix}{name}.") if nested else [prefix + name]
    return found


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_stands_in_the_readme(command: str) -> None:
    assert re.search(rf"\| `{command}[ `\[]", README)


def test_the_readme_names_no_command_that_is_missing() -> None:
    assert set(re.findall(r"grade\.py ([a-z]+)\b", README)) <= set(COMMANDS)


def test_the_pages_name_no_command_that_is_missing_and_every_one_that_is_there() -> None:
    pages = "".join(path.read_text() for path in (ROOT / "docs").glob("*.md"))
    assert set(re.findall(r"(?:^|`)prunegrade ([a-z]+)\b", pages, re.M)) == set(COMMANDS)


@pytest.mark.parametrize("key", keys(Rubric))
def test_every_rubric_key_stands_on_its_page(key: str) -> None:
    assert f"`{key}`" in RUBRIC_PAGE


@pytest.mark.parametrize("verdict", get_args(Verdict))
def test_every_verdict_stands_in_the_readme(verdict: str) -> None:
    assert f"| `{verdict}` |" in README


def test_the_pages_rubric_is_valid() -> None:
    (block,) = re.findall(r"```yaml rubric.yaml\n(.*?)```", RUBRIC_PAGE, re.S)
    assert parse(yaml.safe_load(block), "docs/rubric.md").max_points == 3.0


@pytest.mark.parametrize("status", sorted({DONE, BELOW, USAGE, FAILED, 130}))
def test_every_exit_status_stands_in_the_readme(status: int) -> None:
    assert re.search(rf"^\| .*\*\*{status}\*\*.* \|$", README, re.M)


def test_the_shipped_rubric_spells_out_the_defaults() -> None:
    assert parse(yaml.safe_load((ROOT / "rubric.yaml").read_text()), "rubric.yaml") == Rubric()


def test_links_in_the_readme_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_says_which_package_an_environment_needs(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\n[ "$1" = -c ]\n')  # Debian's without python3-venv
    python.chmod(0o755)
    words = ["make", "-s", "setup", f"PYTHON={python}", f"ENV={tmp_path}/env"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2 and "apt install python3-venv; then run make again" in done.stderr
