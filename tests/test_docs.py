"""The pages of docs/ as an instructor would follow them: files written, commands run in order, and what they print compared."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import ROOT, environment, rubric_file

DOCS = ROOT / "docs"
PAGES = sorted(path.stem for path in DOCS.glob("*.md"))
ON_PAPER = {"scale"}  # has nothing to type
NORMAL = {"own-data"}  # the others run with 'make test-all'
LONGEST = {"lms", "cluster", "rubric", "students", "gpu"}  # which CI leaves out
NOT_RUN = "elsewhere"  # ```sh elsewhere: what changes this machine or needs others; it is checked for its spelling alone

HALF = "def prune(model):\n    w = model.layers[0].weight.data\n    w[w.abs() < w.abs().median()] = 0.0\n"
RAISES = "def prune(model):\n    raise ValueError('no')\n"
GRADES = (
    "Student,ID,SIS User ID,SIS Login ID,Section,Pruning (22)\n    Points Possible,,,,,1.5\n"
    '"Doe, Jane",4711,m100,jane,A,\n"Poe, Edgar",4712,m101,edgar,A,\n"Roe, Rita",4713,m102,rita,A,\n'
)
WORKSHEET = (
    "Identifier,Full name,Email address,Status,Grade,Maximum Grade,Grade can be changed\n"
    "Participant 501,Jane Doe,jane@uni.example,Submitted for grading,,1.50,Yes\n"
    "Participant 502,Edgar Poe,edgar@uni.example,Submitted for grading,,1.50,Yes\n"
)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: its language, the word after that, its text, and the line on which it begins."""

    language: str
    word: str
    text: str
    line: int

    @property
    def commands(self) -> list[str]:
        return [one for one in self.text.replace("\\\n", " ").splitlines() if one.strip()]


def blocks(page: str) -> Iterator[Block]:
    text = (DOCS / f"{page}.md").read_text(encoding="utf-8")
    for found in re.finditer(r"^```(\w+) ?(\S*)\n(.*?)^```$", text, re.M | re.S):
        yield Block(found[1], found[2], found[3], text[: found.start()].count("\n") + 1)


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    """What an instructor has lying about before opening a page."""
    rubric_file(tmp_path, instances={"hidden": 1})
    (tmp_path / "handed-in").mkdir()
    (tmp_path / "handed-in" / "ada.py").write_text(HALF)
    (tmp_path / "handed-in" / "bob.py").write_text(RAISES)
    for name, members in {
        "canvas.zip": {"doejane_4711_900_prune.py": HALF, "poeedgar_4712_901_prune.py": RAISES},
        "moodle.zip": {
            "Jane Doe_501_assignsubmission_file_/prune.py": HALF,
            "Edgar Poe_502_assignsubmission_file_/prune.py": RAISES,
        },
    }.items():
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            for member, text in members.items():
                archive.writestr(member, text)
    (tmp_path / "Grades.csv").write_text(GRADES)
    (tmp_path / "Worksheet.csv").write_text(WORKSHEET)
    return tmp_path


def pattern(line: str) -> str:
    """What a printed line must look like: other figures, other widths, and anything for '...'."""
    parts = [re.escape(re.sub(r"\s+", " ", part.strip())) for part in line.split("...")]
    loose = ".*".join(re.sub(r"(\d+\\\.)?\d+", r"[\\d.]+", part) for part in parts)
    return loose.replace(r"\ ", r"\s+")


def marks(page: str) -> list[pytest.MarkDecorator]:
    return [pytest.mark.long] * (page not in NORMAL) + [pytest.mark.longest] * (page in LONGEST)


@pytest.mark.parametrize("page", [pytest.param(one, marks=marks(one)) for one in PAGES if one not in ON_PAPER])
def test_a_page_does_what_it_says(page: str, scratch: Path, installed: Path, home: Path) -> None:
    path = os.pathsep.join([str(installed.parent), str(Path(sys.executable).parent), os.environ["PATH"]])
    said = ""
    for block in blocks(page):
        where = f"docs/{page}.md, line {block.line}"
        if block.language == "sh" and block.word != NOT_RUN:
            said = "\n".join(run(command, scratch, environment(home, PATH=path), where) for command in block.commands)
        elif block.language == "text":
            for line in block.text.splitlines():
                assert re.search(pattern(line), said), f"{where}: {line!r} is not in:\n{said}"
        elif block.word and block.word != NOT_RUN:
            (scratch / block.word).parent.mkdir(exist_ok=True)
            (scratch / block.word).write_text(block.text, encoding="utf-8")


def run(command: str, folder: Path, env: dict[str, str], where: str) -> str:
    expected = re.search(r"# exit status (\d+)", command)
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], cwd=folder, env=env, capture_output=True, text=True, timeout=500
    )
    assert done.returncode == (int(expected[1]) if expected else 0), f"{where}: {command}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_short_and_its_links_lead_somewhere(page: str) -> None:
    text = (DOCS / f"{page}.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 120
    assert all((DOCS / target).exists() for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", text))
    assert f"docs/{page}.md" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_comparison_of_what_is_printed_can_fail() -> None:
    assert re.search(pattern("ada  graded  0.3 of 1.5 ..."), "ada      graded         0.303 of 1.5    0.4996")
    assert not re.search(pattern("ada  graded  0.3 of 1.5"), "ada      raised         0.000 of 1.5")
    assert not re.search(pattern("report: week1/index.html"), "report: week1/index.txt")
