"""Marked blind: no page and no file says who is who, but identities.csv."""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path

import pytest
from conftest import grades_in, rubric_file, run_program
from test_remark import stored
from test_report import failed, graded, submission

from grader.report import anonymous
from grader.report.schema import Grades


@pytest.fixture
def out(tmp_path: Path, home: Path) -> Path:
    """A batch that was marked blind."""
    told = failed("public", message="ada_lovelace.py, line 3: no", traceback="ada_lovelace.py, line 3, in prune")
    rubric = rubric_file(tmp_path, instances={"hidden": 1})
    names = ("ada_lovelace", "bob_builder", "reference_")
    stored(
        tmp_path / "out",
        rubric,
        submission(told, told, student=names[0]),
        *(submission(graded("public"), graded("hidden-1"), student=name) for name in names[1:]),
    )
    assert run_program("remark", tmp_path / "out", "--rubric", rubric, home=home).returncode == 0  # pages with names on them
    blind = rubric_file(tmp_path, instances={"hidden": 1}, anonymous=True)
    done = run_program("remark", tmp_path / "out", "--rubric", blind, home=home)
    assert done.returncode == 0, done.stderr
    return tmp_path / "out"


def test_no_file_names_a_student_but_the_one_that_says_who_is_who(out: Path) -> None:
    told = {
        path.relative_to(out).as_posix()
        for path in out.rglob("*")
        if (path.is_file() and any(word in path.read_bytes() for word in (b"ada_lovelace", b"bob_builder")))
        or any(word in path.relative_to(out).as_posix() for word in ("ada_lovelace", "bob_builder"))
    }
    assert told <= {"identities.csv", "ledger.sqlite", "ledger.sqlite-wal"} and "identities.csv" in told
    assert len(list((out / "students").glob("*/report.html"))) == 3


def test_who_is_who_is_nobody_elses_to_read(out: Path) -> None:
    assert (out / anonymous.FILE).stat().st_mode & 0o077 == 0
    rows = list(csv.DictReader(io.StringIO((out / anonymous.FILE).read_text(encoding="utf-8"))))
    assert {row["student"] for row in rows} == {"ada_lovelace", "bob_builder", "reference_"}
    assert {row["pseudonym"] for row in rows} == {one["student"] for one in grades_in(out)["submissions"]}


def test_messages_keep_their_sense(out: Path) -> None:
    (one,) = (report for report in grades_in(out)["submissions"] if report["verdict"] == "raised")
    assert one["message"] == f"{one['student']}.py, line 3: no"


def test_grades_go_back_to_persons(out: Path) -> None:
    grades = Grades.model_validate_json((out / "grades.json").read_bytes())
    again = anonymous.restored(grades, (out / anonymous.FILE).read_text(encoding="utf-8"))
    assert {one.name for one in again.submissions} == {"ada_lovelace.py", "bob_builder.py", "reference_.py"}
    done = run_program("export", out, "csv", "-o", "-")
    assert done.returncode == 0, done.stderr
    assert {row["name"] for row in csv.DictReader(io.StringIO(done.stdout))} == {one.name for one in again.submissions}


def test_the_veil_is_lifted_by_marking_again(out: Path, tmp_path: Path, home: Path) -> None:
    done = run_program("remark", out, "--rubric", rubric_file(tmp_path, instances={"hidden": 1}), home=home)
    assert done.returncode == 0, done.stderr
    assert "anonymous: True -> False" in done.stdout
    assert {one["student"] for one in grades_in(out)["submissions"]} == {"ada_lovelace", "bob_builder", "reference_"}
    assert not (out / anonymous.FILE).exists()
    assert sorted(os.listdir(out / "students")) == ["ada_lovelace", "bob_builder", "reference_"]
