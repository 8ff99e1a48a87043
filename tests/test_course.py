"""A whole course: an LMS's download, a roster and several attempts become a gradebook in which everybody stands."""

from __future__ import annotations

import csv
import json
import re
import shutil
import sqlite3
import subprocess
import zipfile
from pathlib import Path

import pytest
from conftest import grades_in, rubric_file, run_program

HALF = "def prune(model):\n    model.layers[0].weight.data[:512] = 0\n"
NOTHING = "def prune(model):\n    return model\n"
ROSTER = """id,name,email,section,group
7,"Doe, Jane",jane@example.org,A,
8,Ann van Dyke,ann@example.org,B,Team 1
9,=cmd|Bo,bo@example.org,B,Team 1
10,Cy <b>Young</b>,cy@example.org,A,
"""
FILES = {
    "doejane_7_50_prune.py": HALF,
    "doejane_LATE_7_60_prune-1.py": NOTHING,
    "team1_8_51_half.py": HALF + "    model.layers[0].bias.data[:512] = 0\n",
    "stranger_99_52_prune.py": "def prune(",
}
Course = tuple[Path, subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def course(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Course:
    folder = tmp_path_factory.mktemp("course")
    with zipfile.ZipFile(folder / "canvas.zip", "w") as archive:
        for name, text in FILES.items():
            archive.writestr(name, text)
    (folder / "roster.csv").write_text(ROSTER)
    rubric = rubric_file(folder, attempts="best")
    words = ("batch", folder / "canvas.zip", "--roster", folder / "roster.csv", "--rubric", rubric, "--workers", 2)
    return folder / "out", run_program(*words, "-o", folder / "out", home=home)


def test_everybody_has_a_row_and_strangers_keep_theirs(course: Course) -> None:
    out, done = course
    assert done.returncode == 0, done.stderr
    with open(out / "gradebook.csv", newline="") as file:
        rows = {row["student"]: row for row in csv.DictReader(file)}
    assert {name: (row["verdict"], row["name"], row["email"]) for name, row in rows.items()} == {
        "7": ("graded", "Doe, Jane", "jane@example.org"),
        "8": ("graded", "Ann van Dyke", "ann@example.org"),
        "9": ("graded", "'=cmd|Bo", "bo@example.org"),
        "10": ("missing", "Cy <b>Young</b>", "cy@example.org"),
        "stranger_99": ("unreadable", "stranger", ""),
    }
    assert rows["10"]["points"] == "0.0" and rows["10"]["message"] == "nothing was handed in"


def test_what_was_recognised_and_who_is_unknown_stands_on_stderr(course: Course) -> None:
    _, done = course
    assert "canvas.zip: a Canvas download of 3 people" in done.stderr
    assert "'prune.py' (stranger_99) is not on the roster; it is shown as it is" in done.stderr


def test_the_best_attempt_counts_and_says_so(course: Course) -> None:
    (jane,) = (one for one in grades_in(course[0])["submissions"] if one["student"] == "7")
    assert (jane["attempt"], jane["lms_id"], jane["section"]) == (1, "canvas:7", "A") and jane["sparsity"] > 0.4
    assert "attempt 1 counts, the best one of those that were handed in" in jane["notes"]


def test_a_groups_submission_runs_once_and_counts_for_each(course: Course) -> None:
    ann, bo = (one for one in grades_in(course[0])["submissions"] if one["group"] == "Team 1")
    assert ann["instances"][0]["weights_sha256"] == bo["instances"][0]["weights_sha256"] and ann["points"] == bo["points"]
    with sqlite3.connect(course[0] / "ledger.sqlite") as ledger:
        students = {name for (name,) in ledger.execute("SELECT student FROM runs")}
    assert len(students & {"8", "9"}) == 1


def test_pages_escape_what_the_roster_says_and_students_see_no_lists_of_it(course: Course) -> None:
    out, _ = course
    page = (out / "students" / "10" / "report.html").read_text()
    assert "Cy &lt;b&gt;Young&lt;/b&gt;" in page and "<b>Young" not in page and "nothing was handed in" in page
    report = json.loads((out / "students" / "8" / "report.json").read_text())
    assert (report["name"], report["group"], report["lms_id"], report["section"]) == ("Ann van Dyke", "", "", "")
    index = (out / "index.html").read_text()
    assert "section B · group Team 1" in index and "Identical files" not in index


def test_remark_counts_attempts_as_the_new_rubric_says(course: Course, home: Path, tmp_path: Path) -> None:
    out = shutil.copytree(course[0], tmp_path / "out")
    newest = run_program("remark", out, "--rubric", rubric_file(tmp_path, attempts="newest"), home=home)
    found = {one["student"]: one for one in grades_in(out)["submissions"]}
    assert re.search(r"^7 .* another attempt counts$", newest.stdout, re.MULTILINE) and found["7"]["attempt"] == 2
    assert len(found) == 5 and found["7"]["points"] < 0.1
    every = run_program("remark", out, "--rubric", rubric_file(tmp_path, attempts="all"), home=home)
    assert every.returncode == 0, every.stderr
    assert {one["student"] for one in grades_in(out)["submissions"]} == {"7~1", "7~2", "8", "9", "10", "stranger_99"}


def test_remark_does_not_count_attempts_that_were_not_run(course: Course, home: Path, tmp_path: Path) -> None:
    folder, out = course[0].parent, shutil.copytree(course[0], tmp_path / "out")
    newest = rubric_file(tmp_path, attempts="newest")
    words = ("batch", folder / "canvas.zip", "--roster", folder / "roster.csv", "-o", out)
    assert run_program(*words, "--rubric", newest, home=home).returncode == 0
    done = run_program("remark", out, "--rubric", rubric_file(tmp_path, attempts="best"), home=home)
    assert done.returncode == 2 and "of '7' only the newest attempt (2) was run" in done.stderr
