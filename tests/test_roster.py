"""The roster: who each submission belongs to, who handed in nothing, and what is never guessed."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from grader import attempts, intake, pipeline, roster
from grader.errors import UsageError
from grader.records import Failure, Graded, Outcome, Upload
from grader.report import build
from grader.report.student import student_view
from grader.rubric import Rubric, parse

PRUNE = b"def prune(model):\n    return model\n"
HEADER = "id,name,email,section,group,extension,submitted_at,aliases"
PEOPLE = (
    '100,"Doe, Jane",jane@example.org,A,,,,jd-git;jane-doe',
    "200,Jörg Müller,JOERG@example.org,B,,2 days,,",
    "300,Ann van Dyke,ann@example.org,A,Team 1,,,",
    "400,Bo O'Neil,bo@example.org,A,Team 1,,2026-05-02T10:00:00+02:00,",
)


def roster_file(folder: Path, *lines: str, header: str = HEADER) -> Path:
    path = folder / "roster.csv"
    path.write_text("\n".join((header, *lines)) + "\n", encoding="utf-8")
    return path


def enrolled(folder: Path, *names: str, lines: tuple[str, ...] = PEOPLE) -> tuple[dict[str, Upload], list[str]]:
    """The rows of a folder with files of these names, and what is remarked."""
    handed_in, remarks = folder / "in", list[str]()
    for name in names:
        (handed_in / name).parent.mkdir(parents=True, exist_ok=True)
        (handed_in / name).write_bytes(PRUNE)
    found = roster.enrol(intake.find([handed_in]), roster.load(roster_file(folder, *lines), remarks), remarks)
    return {upload.student: upload for upload in found}, remarks


def present(rows: dict[str, Upload]) -> set[str]:
    return {student for student, upload in rows.items() if upload.handed_in}


# --- matching ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "student"),
    [
        ("100.py", "100"),
        ("jane@example.org.py", "100"),
        ("joerg@example.org.py", "200"),
        ("Jane Doe.py", "100"),
        ("jane_doe.ipynb", "100"),
        ("JORG  MULLER.py", "200"),
        ("Bo ONeil.py", "400"),
        ("jd-git/prune.py", "100"),
        ("doejane_9_50_prune.py", "100"),
        ("müllerjörg_LATE_9_50_prune.py", "200"),
        ("vandykeann_9_50_prune.py", "300"),
        ("dykeannvan_9_50_prune.py", "300"),
        ("whoever_100_50_prune.py", "100"),
        ("Ann van Dyke_7_assignsubmission_file_/prune.py", "300"),
        ("Team 1-Ann van Dyke_7_assignsubmission_file/prune.py", "300"),
        ("Jorg Muller_7_assignsubmission_file_/prune.py", "200"),
    ],
)
def test_who_handed_in_is_found_by_what_the_name_says(tmp_path: Path, name: str, student: str) -> None:
    rows, remarks = enrolled(tmp_path, name)
    assert student in present(rows) and not remarks
    assert rows[student].person.id == student
    assert len({upload.person.id for upload in rows.values()}) == len(PEOPLE) == len(rows)


@pytest.mark.parametrize(
    "name",
    ["jane.py", "jane@example.com.py", "doe.py", "Jane.py", "10.py", "doejan_9_50_x.py", "Jane Do_7_assignsubmission_file_/x.py"],
)
def test_a_name_that_is_on_no_roster_is_shown_as_it_is(tmp_path: Path, name: str) -> None:
    rows, remarks = enrolled(tmp_path, name)
    assert len(rows) == len(PEOPLE) + 1 and len(present(rows)) == 1
    assert len(remarks) == 1 and "is not on the roster; it is shown as it is" in remarks[0]


def test_two_of_one_name_are_told_apart_by_id_or_not_at_all(tmp_path: Path) -> None:
    lines = ("1,Li Wei,,,,,,", "2,Wei Li,,,,,,", "3,Ann Lee,,,,,,", "4,Ann Lee,,,,,,")
    rows, remarks = enrolled(tmp_path, "Ann Lee.py", lines=lines)
    assert present(rows).isdisjoint("1234") and "may be one of several on the roster: 3, 4" in remarks[0]
    names = ("liwei_77_50_x.py", "annlee_4_51_x.py", "weili_2_52_x.py")
    (tmp_path / "canvas").mkdir()
    rows, remarks = enrolled(tmp_path / "canvas", *names, lines=lines)
    assert present(rows) == {"4", "2", "liwei_77"} and len(remarks) == 1


def test_an_id_and_a_name_that_disagree_lead_to_nobody(tmp_path: Path) -> None:
    rows, remarks = enrolled(tmp_path, "doejane_200_50_x.py")
    assert present(rows) == {"doejane_200"} and "may be one of several on the roster: 100, 200" in remarks[0]


def test_a_moodle_participants_number_is_not_taken_for_a_student_id(tmp_path: Path) -> None:
    rows, _ = enrolled(tmp_path, "Somebody Else_100_assignsubmission_file_/prune.py")
    assert present(rows) == {"somebody_else_100"}


def test_an_unknown_submission_does_not_take_a_roster_id(tmp_path: Path) -> None:
    rows, _ = enrolled(tmp_path, "Zoe 1_100_assignsubmission_file/x.py", lines=("zoe_1_100,Somebody,,,,,,",))
    assert set(rows) == {"zoe_1_100", "zoe_1_100-unknown"} and not rows["zoe_1_100"].handed_in


def test_a_roster_s_ids_are_made_safe_and_stay_apart(tmp_path: Path) -> None:
    rows, _ = enrolled(
        tmp_path,
        "x.py",
        lines=("../a,A,,,,,,", "..\\a,B,,,,,,", "con,C,,,,,,", "Ä,D,,,,,,", "d,E,,,,,,", "d~,F,,,,,,", "d~1,G,,,,,,"),
    )
    assert len(rows) == 8 and all(student.isascii() and not {"/", "\\"} & set(student) for student in rows)


# --- nobody, groups, attempts --------------------------------------------------------------------------------------


def test_who_handed_in_nothing_has_a_row_with_no_points(tmp_path: Path) -> None:
    rows, _ = enrolled(tmp_path, "100.py")
    read = pipeline.read(rows["200"])
    assert read == Failure("missing", "unpack", "nothing was handed in") and intake.digest_of(rows["200"]) is None
    report = build.report(Graded(rows["200"], None, (Outcome("public", None, read),)), Rubric(), None)
    assert (report.student, report.name, report.email) == ("200", "Jörg Müller", "JOERG@example.org")
    assert (report.verdict, report.points, report.section, report.source) == ("missing", 0.0, "B", "")
    assert student_view(report, Rubric()).section == ""


def test_where_submissions_are_anonymous_nobody_is_called_missing(tmp_path: Path) -> None:
    rows, remarks = enrolled(tmp_path, "anon_Ab1_50_x.py", "anon_Cd2_51_x.py")
    assert set(rows) == {"anon-Ab1", "anon-Cd2"}
    assert "2 submissions are anonymous" in remarks[-1] and "4 people on the roster have no row" in remarks[-1]


@pytest.mark.parametrize("name", ["team1_300_50_x.py", "Team 1_7_assignsubmission_file_/x.py", "team 1/prune.py", "300.py"])
def test_a_groups_submission_stands_for_each_member(tmp_path: Path, name: str) -> None:
    rows, remarks = enrolled(tmp_path, name)
    assert present(rows) == {"300", "400"} and not remarks
    assert intake.read(rows["300"]).sha256 == intake.read(rows["400"]).sha256
    assert {rows[student].person.group for student in ("300", "400")} == {"Team 1"}


def test_members_who_handed_in_apart_keep_their_own_and_a_third_gets_none(tmp_path: Path) -> None:
    rows, remarks = enrolled(tmp_path, "300.py", "400.py", lines=(*PEOPLE, "500,Cy,,A,Team 1,,,"))
    assert present(rows) == {"300", "400"} and rows["300"].name == "300.py"
    assert "'500' handed in nothing, and the group 'Team 1' has several (300, 400); none is taken" in remarks[0]


def test_two_submissions_without_times_have_a_row_each(tmp_path: Path) -> None:
    rows, remarks = enrolled(tmp_path, "100.py", "100.ipynb")
    assert present(rows) == {"100.py", "100.ipynb"} and "100" not in rows
    assert {rows[name].person.id for name in present(rows)} == {"100"}
    assert "'100' handed in more than once ('100.ipynb', '100.py'); each has its own row" in remarks[0]


def test_attempts_stay_in_order_under_the_rosters_id(tmp_path: Path) -> None:
    names = ["doejane_9_50_prune.py", *(f"doejane_9_{50 + n}_prune-{n}.py" for n in range(1, 12)), "x_8_99_x.py"]
    rows, _ = enrolled(tmp_path, *names)
    found = sorted((one for one in rows.values() if one.person.id == "100"), key=lambda one: one.attempt or 0)
    assert [one.student for one in found] == [f"100~{n}" for n in range(1, 13)]
    assert [one.sequence for one in found] == list(range(50, 62))
    (newest,) = (one for one in attempts.newest(rows.values()) if one.person.id == "100")
    assert (newest.student, newest.sequence, newest.attempt) == ("100", 61, 12)


def test_the_time_on_the_roster_is_that_of_the_newest_attempt_without_one(tmp_path: Path) -> None:
    rows, _ = enrolled(tmp_path, "oneilbo_9_50_prune.py", "oneilbo_9_51_prune-1.py", "doejane_7_52_x.py")
    assert [rows[name].submitted_at for name in ("400~1", "400~2")] == [None, "2026-05-02T10:00:00+02:00"]
    assert rows["200"].person.extension == "2 days"


@pytest.mark.parametrize(
    ("points", "chosen"), [((1.0, 0.5), 1), ((0.5, 1.0), 2), ((0.5, 0.5), 2), ((None, 1.5), 1), ((0.0, None, 1.5), 2)]
)
def test_the_best_attempt_has_most_points_unless_one_is_owed(points: tuple[float | None, ...], chosen: int) -> None:
    own = [Graded(Upload(f"ann~{n}", "x", "x", Path("x"), attempt=n), None, ()) for n in range(1, len(points) + 1)]
    best = attempts.best(own, lambda one: points[(one.upload.attempt or 0) - 1])
    assert best.upload.attempt == chosen


def test_attempts_belong_together_by_their_ids_and_in_the_order_of_their_numbers() -> None:
    ids = ["ann", "bo~1", "bo~10", "bo~2"]
    assert attempts.by_student(ids) == {"ann": ["ann"], "bo": ["bo~1", "bo~2", "bo~10"]}


def test_the_rubric_knows_three_ways_to_count_attempts() -> None:
    assert Rubric().attempts == "newest" and parse({"attempts": "best"}, "r").attempts == "best"
    with pytest.raises(UsageError, match=r"attempts is 'last', expected 'newest', 'best' or 'all'"):
        parse({"attempts": "last"}, "r")


# --- the file ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbfid,name\r\n1,\xc3\x84da\r\n",
        "id;name\n1;Äda\n".encode("utf-16"),
        "name\tID\nÄda\t1\n\t\n".encode(),
        'ID , Name\n1,"Äda"'.encode(),
    ],
)
def test_what_spreadsheets_write_is_read(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "r.csv").write_bytes(data)
    (one,) = roster.load(tmp_path / "r.csv", []).enrolled
    assert (one.person.id, one.person.name) == ("1", "Äda")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "line 1: expected a header with 'id'"),
        (b"name,email\nx,y\n", "line 1: expected a header with 'id'"),
        (b"id,id\n1,2\n", "the column 'id' stands twice"),
        (b"id\n", "expected a line for each person"),
        (b"id,name\n\n,Ann\n", "line 3: the id is empty"),
        (b"id\na1\nb\nA1\n", "line 4: the id 'A1' stands in line 2 already"),
        (b"id\n\xe4\n", "save it as 'CSV UTF-8'"),
        (b'id,name\n1,"Ann\n', "not CSV"),
        (
            b"id,extension\n1,soon\n",
            "line 2: extension is 'soon', expected a date such as 2026-12-05T23:59 or a span such as 48h",
        ),
        (b"id,submitted_at\n1,1 May\n", "line 2: submitted_at is '1 May', expected a time with its zone"),
        (b"id,submitted_at\n1,2026-05-01 10:00\n", "expected a time with its zone"),
        (b"id\n" + b"x" * (9 << 20), "at most 8 MiB"),
        (b"id\n" + b"".join(b"%d\n" % n for n in range(50_001)), "at most 50,000 people"),
    ],
)
def test_a_roster_that_is_none_is_refused_in_a_sentence(tmp_path: Path, data: bytes, says: str) -> None:
    (tmp_path / "r.csv").write_bytes(data)
    with pytest.raises(UsageError) as refused:
        roster.load(tmp_path / "r.csv", [])
    assert says in str(refused.value) and "r.csv" in str(refused.value) and "\n" not in str(refused.value)


def test_a_missing_roster_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none.csv: can't be read: No such file"):
        roster.load(tmp_path / "none.csv", [])


def test_columns_that_are_not_used_are_remarked(tmp_path: Path) -> None:
    remarks: list[str] = []
    roster.load(roster_file(tmp_path, "1,2", header="id,extention"), remarks)
    assert "columns that are not used: 'extention'" in remarks[0]


def test_a_gradescope_group_is_matched_person_by_person(tmp_path: Path) -> None:
    metadata = "submission_1:\n  :submitters:\n  - :name: X\n    :email: jane@example.org\n  - :name: Y\n    :sid: '200'\n"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as out:
        out.writestr("submission_metadata.yml", metadata)
        out.writestr("submission_1/prune.py", PRUNE)
    (tmp_path / "g.zip").write_bytes(buffer.getvalue())
    remarks: list[str] = []
    found = roster.enrol(intake.find([tmp_path / "g.zip"]), roster.load(roster_file(tmp_path, *PEOPLE), remarks), remarks)
    assert [upload.student for upload in found if upload.handed_in] == ["100", "200"] and not remarks
