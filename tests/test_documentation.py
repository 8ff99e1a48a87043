"""What README.md says is there is there, and what is there stands in README.md."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest
import yaml
from pydantic import BaseModel

from grader.cli.program import app
from grader.records import Verdict
from grader.rubric import Rubric, parse

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
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
    assert set(re.findall(r"grade\.py (batch|check|remark|calibrate|sweep|init|doctor|kit|export)\b", README)) <= set(COMMANDS)


@pytest.mark.parametrize("key", keys(Rubric))
def test_every_rubric_key_stands_in_the_readme(key: str) -> None:
    assert f"`{key}`" in README


@pytest.mark.parametrize("verdict", get_args(Verdict))
def test_every_verdict_stands_in_the_readme(verdict: str) -> None:
    assert f"| `{verdict}` |" in README


def test_the_readmes_criteria_are_a_valid_rubric() -> None:
    (block,) = re.findall(r"```yaml\n(criteria:.*?)```", README, re.S)
    assert parse(yaml.safe_load(block), "README.md").max_points == 3.0


def test_the_shipped_rubric_spells_out_the_defaults() -> None:
    assert parse(yaml.safe_load((ROOT / "rubric.yaml").read_text()), "rubric.yaml") == Rubric()


def test_links_in_the_readme_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists(), target
