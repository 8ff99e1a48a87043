"""A changed rubric is applied to what was measured, says who moved and why, and never makes up what it can't know."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import grades_in, rubric_file, run_program
from test_report import failed, graded, submission

from grader import rubric as rubrics
from grader.ledger import REFERENCE, Ledger, key_of
from grader.records import Batch, Graded, Isolation

TWO = ("public", "hidden-1")
SPARSE = {"kind": "threshold", "name": "very sparse", "metric": "sparsity", "at_least": 0.9, "points": 0.25}


def stored(out: Path, rubric: Path, *submissions: Graded) -> None:
    """OUT as a batch on two instances leaves it, before its reports."""
    batch = Batch(
        tuple(one.upload.student for one in submissions),
        "conditions",
        TWO,
        rubrics.load(rubric).model_dump_json(),
        "ef" * 32,
        {"device": "cpu"},
        Isolation("L3", ("seccomp",)),
    )
    with Ledger(out) as ledger:
        ledger.open_batch(batch)
        for one in (*submissions, submission(graded("public"), graded("hidden-1"), student="reference")):
            student = REFERENCE if one.upload.student == "reference" else one.upload.student
            keys: list[str | None] = []
            for outcome in one.outcomes:
                circumstances = {"submission": student, "instance": outcome.instance}
                owed = outcome.verdict == "not_graded"
                if not owed:
                    ledger.keep(student, circumstances, outcome)
                keys.append(None if owed else key_of(circumstances))
            ledger.record(replace(one, keys=tuple(keys)), batch, student)


@pytest.fixture
def rubric(tmp_path: Path) -> Path:
    return rubric_file(tmp_path, instances={"hidden": 1})


@pytest.fixture
def out(tmp_path: Path, rubric: Path) -> Path:
    folder = tmp_path / "out"
    ada = submission(graded("public", mse=60.0), graded("hidden-1", mse=62.0))
    bob = submission(graded("public", mse=60.0), failed("hidden-1"), student="bob")
    owed = submission(graded("public"), failed("hidden-1", "not_graded"), student="owed")
    stored(folder, rubric, ada, bob, owed)
    return folder


def changed(rubric: Path, **changes: Any) -> Path:
    found = yaml.safe_load(rubric.read_text(encoding="utf-8"))
    for name, change in changes.items():
        found[name] = {**found[name], **change} if isinstance(change, dict) else change
    path = rubric.with_name("other.yaml")
    path.write_text(yaml.safe_dump(found), encoding="utf-8")
    return path


def test_it_says_who_moved_and_why_and_writes_the_reports_anew(out: Path, rubric: Path) -> None:
    done = run_program("remark", out, "--rubric", changed(rubric, points={"upper": 0.9}, criteria=[SPARSE]))
    assert done.returncode == 0, done.stderr
    assert "points.upper: 0.95 -> 0.9" in done.stdout and "2 of 3 submissions moved" in done.stdout
    ada, bob = (line for line in done.stdout.splitlines() if line.startswith(("ada", "bob")))
    assert "very sparse: 0.000 to 0.250" in ada and "score: " in ada
    assert "very sparse" not in bob and "score: " in bob
    reports = {one["student"]: one for one in grades_in(out)["submissions"]}
    assert reports["ada"]["max_points"] == 1.75 and reports["owed"]["points"] is None
    assert f"{reports['ada']['points']:.3f}" in ada
    assert (out / "students/ada/report.html").is_file() and "ada" in (out / "gradebook.csv").read_text()


def test_the_same_rubric_moves_nobody_and_a_changed_one_moves_once(out: Path, rubric: Path) -> None:
    other = changed(rubric, points={"upper": 0.9})
    assert "0 of 3 submissions moved" in run_program("remark", out, "--rubric", rubric).stdout
    assert "2 of 3 submissions moved" in run_program("remark", out, "--rubric", other).stdout
    assert "0 of 3 submissions moved" in run_program("remark", out, "--rubric", other).stdout
    back = run_program("remark", out, "--rubric", rubric)
    assert "points.upper: 0.9 -> 0.95" in back.stdout and "2 of 3 submissions moved" in back.stdout


@pytest.mark.parametrize(
    ("key", "changes"),
    [
        ("task.public_seed", {"task": {"public_seed": 12}}),
        ("instances.hidden", {"instances": {"hidden": 2}}),
        ("limits.cpu_seconds", {"limits": {"cpu_seconds": 7}}),
        ("allow.exec", {"allow": {"exec": True}}),
    ],
)
def test_what_measurements_can_not_answer_is_refused_by_its_key(key: str, changes: Any, out: Path, rubric: Path) -> None:
    before = sorted(path.name for path in out.iterdir())
    done = run_program("remark", out, "--rubric", changed(rubric, **changes))
    assert done.returncode == 2 and done.stdout == ""
    assert f"{key} is " in done.stderr and "no stored measurement can answer that" in done.stderr
    assert sorted(path.name for path in out.iterdir()) == before


def test_a_remark_that_was_stopped_before_its_end_is_told_again(out: Path, rubric: Path) -> None:
    other = changed(rubric, points={"upper": 0.9})
    (out / "students").mkdir()
    (out / "students/ada").touch()  # in the way of a folder
    stopped = run_program("remark", out, "--rubric", other)
    assert stopped.returncode == 2 and "a file is in the way; nothing graded is lost" in stopped.stderr
    (out / "students/ada").unlink()
    assert "2 of 3 submissions moved" in run_program("remark", out, "--rubric", other).stdout


def test_a_batch_under_a_rubric_that_is_refused_now_is_told_apart(out: Path, rubric: Path) -> None:
    with Ledger(out) as ledger:
        batch = ledger.batch()
        assert batch
        ledger.open_batch(replace(batch, rubric='{"limits": {"processes": 1, "threads": 64}}'))
    done = run_program("remark", out, "--rubric", rubric)
    assert done.returncode == 2 and "was marked by a rubric that this version refuses" in done.stderr


def test_a_folder_without_a_batch_is_refused_in_one_sentence(tmp_path: Path, rubric: Path) -> None:
    missing = run_program("remark", tmp_path / "nowhere", "--rubric", rubric)
    assert missing.returncode == 2 and "expected a folder that 'grade.py batch' has written" in missing.stderr
    assert not (tmp_path / "nowhere").exists()
    with Ledger(tmp_path / "empty"):
        pass
    empty = run_program("remark", tmp_path / "empty", "--rubric", rubric)
    assert empty.returncode == 2 and "holds no batch that this version can read" in empty.stderr


def test_a_row_that_another_version_wrote_is_left_out_rather_than_made_up(out: Path, rubric: Path) -> None:
    with sqlite3.connect(out / "ledger.sqlite") as direct:
        direct.execute("UPDATE runs SET outcome = ? WHERE student = 'bob'", (json.dumps({"instance": 1}),))
    direct.close()
    assert run_program("remark", out, "--rubric", changed(rubric, points={"upper": 0.9})).returncode == 0
    assert [one["student"] for one in grades_in(out)["submissions"]] == ["ada", "owed"]
