"""What the grader says and does where the machine offers less: levels, refusals, and what every report carries.

``poorer_kernel.py`` puts the whole program below a filter that answers like such a machine.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import LONGEST, ROOT, rubric_file, run_program

from grader.records import LAYERS
from grader.sandbox import judged

ALL = frozenset(LAYERS)


def where_there_is_no(offers: str) -> list[str]:
    return [sys.executable, str(Path(__file__).with_name("poorer_kernel.py")), offers]


@pytest.mark.parametrize(("layers", "level"), [
    (ALL, "L3"),
    (ALL - {"control group"}, "L3"),  # limits and samples hold the memory
    (ALL - {"landlock"}, "L3"),
    (ALL - {"namespaces"}, "L3"),
    (ALL - {"limits"}, "L2"),
    (ALL - {"namespaces", "own user"}, "L2"),
    (ALL - {"namespaces", "landlock"}, "L3"),
    (ALL - {"namespaces", "landlock", "own user"}, "L1"),
    (ALL - {"namespaces", "landlock", "own user"} | {"own user that may search all folders"}, "L1"),
    (ALL - {"namespaces", "own user"} | {"own user that may search all folders"}, "L2"),
    (ALL - {"seccomp"}, "L1"),
    (ALL - {"capabilities"}, "L1"),
    (ALL - {"descriptors"}, "L1"),
    (ALL - {"environment"}, "L1"),
    ({"limits"}, "L1"),
    (frozenset[str](), "L0"),
])  # fmt: skip
def test_a_level_is_what_its_layers_are_worth(layers: frozenset[str], level: str) -> None:
    found = judged(tuple(layers), {})
    assert found.level == level
    assert found.guards_hidden_data == (level in ("L2", "L3"))


@pytest.fixture
def handed_in(tmp_path: Path) -> Path:
    folder = tmp_path / "handed-in"
    folder.mkdir()
    shutil.copy(ROOT / "submissions" / "magnitude.py", folder)
    return folder


@pytest.mark.parametrize(("offers", "sentence"), [
    ("landlock,namespaces", "no sandbox: Landlock and user namespaces are both missing"),
    pytest.param("seccomp", "no sandbox: isolation is L1, hidden data needs L2 (seccomp: ", marks=pytest.mark.long),
])  # fmt: skip
def test_a_batch_is_refused_below_level_2(offers: str, sentence: str, tmp_path: Path, handed_in: Path, home: Path) -> None:
    arguments = ("batch", handed_in, "-o", tmp_path / "out", "--rubric", rubric_file(tmp_path), "-q")
    done = run_program(*arguments, home=home, before=where_there_is_no(offers))
    assert done.returncode == 2
    assert sentence in done.stderr
    assert "nothing was run (see `grade.py doctor`)" in done.stderr


@pytest.mark.long
def test_best_grades_all_the_same_and_says_so_in_each_report(tmp_path: Path, handed_in: Path, home: Path) -> None:
    out = tmp_path / "out"
    arguments = ("batch", handed_in, "-o", out, "--rubric", rubric_file(tmp_path), "-q", "--isolation", "best")
    done = run_program(*arguments, home=home, before=where_there_is_no("landlock,namespaces"))
    assert done.returncode == 0, done.stderr
    report = json.loads((out / "students" / "magnitude" / "report.json").read_text())
    assert (report["verdict"], report["isolation"]) == ("graded", "L1")
    assert any("isolation L1, below the L2 that hidden data needs" in note for note in report["notes"])
    page = (out / "students" / "magnitude" / "report.html").read_text()
    assert "isolation L1, below the L2 that hidden data needs" in page
    assert json.loads((out / "grades.json").read_text())["isolation"]["level"] == "L1"


def test_every_report_carries_the_level(tmp_path: Path, handed_in: Path, home: Path) -> None:
    (handed_in / "broken.py").write_text("def prune(model:\n")
    out = tmp_path / "out"
    done = run_program("batch", handed_in, "-o", out, "--rubric", rubric_file(tmp_path), "-q", home=home)
    assert done.returncode == 0, done.stderr
    level = json.loads((out / "grades.json").read_text())["isolation"]["level"]
    reports = [json.loads(path.read_text()) for path in out.glob("students/*/report.json")]
    assert [report["isolation"] for report in reports] == [level] * 2
    assert level in ("L2", "L3")


def test_none_is_practice_and_for_check_alone(tmp_path: Path, handed_in: Path, home: Path) -> None:
    refused = run_program("batch", handed_in, "-o", tmp_path / "out", "--isolation", "none", home=home)
    assert refused.returncode == 2
    checked = run_program("check", handed_in / "magnitude.py", "--isolation", "none", "-q", home=home)
    assert checked.returncode == 0, checked.stderr
    assert "isolation none: nothing kept this code from your files; the result is practice" in checked.stdout


NAMESPACES = ("user", "mount", "pid", "network", "ipc", "uts")


def examined(tmp_path: Path, home: Path, offers: str) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    before = where_there_is_no(offers) if offers else ()
    done = run_program("doctor", "--json", "--rubric", rubric_file(tmp_path), home=home, before=before)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    return found, {part["name"]: part for part in found["parts"]}


def test_doctor_finds_what_this_machine_offers(tmp_path: Path, home: Path) -> None:
    found, parts = examined(tmp_path, home, "")
    assert found["isolation"]["guards_hidden_data"]
    assert found["sound"]
    assert [control["verdict"] for control in found["controls"].values()] == ["graded"] * 3
    assert all(part["works"] == (not part["problem"]) and part["cost"] and part["remedy"] for part in parts.values())
    if os.getuid() == 0:
        assert parts["own user"]["works"]


@pytest.mark.long
@pytest.mark.parametrize(("offers", "level", "missing"), [
    pytest.param("landlock", "L3", {"Landlock files", "Landlock TCP", "Landlock scopes"}, marks=LONGEST),
    ("mounts", "L2", {"mount namespace"}),
    pytest.param("namespaces", "L2", {f"{kind} namespace" for kind in NAMESPACES}, marks=LONGEST),
    pytest.param("seccomp", "L1", {"seccomp"}, marks=LONGEST),
    ("landlock,namespaces", "L1", {"Landlock files", "user namespace"}),
])  # fmt: skip
def test_doctor_finds_what_is_missing(offers: str, level: str, missing: set[str], tmp_path: Path, home: Path) -> None:
    found, parts = examined(tmp_path, home, offers)
    assert found["isolation"]["level"] == level
    assert missing <= {name for name, part in parts.items() if not part["works"]}
    assert found["sound"]
    if level == "L1":
        assert found["isolation"]["unforbidden"]
