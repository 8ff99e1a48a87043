"""Results put back into Canvas's and Moodle's own files: each in its place, nothing else touched, nobody guessed."""

import csv
import io
import re
import shutil
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest
from classes import whole, write_class
from conftest import run_program
from hypothesis import given
from hypothesis import strategies as st
from test_report import failed, reported
from test_report import graded as outcome

from grader.cli.exporting import read_grades
from grader.cli.program import app
from grader.errors import UsageError
from grader.export import canvas, feedback, moodle, names, people, table
from grader.export.filled import number
from grader.export.people import Person
from grader.records import Isolation
from grader.report import build
from grader.report.schema import Grades, Report
from grader.report.standalone import standalone
from grader.rubric import Rubric

Done = subprocess.CompletedProcess[str]

CANVAS = (
    "\ufeffStudent,ID,SIS User ID,SIS Login ID,Section,Notes,Quiz (11),Pruning (22),Final Score\r\n"
    "    Points Possible,,,,,,10.0,1.5,(read only)\r\n"
    '"Doe, Jane",4711,m100,jane@uni.example,"A, morning","=HYPERLINK(""http://x"")",3.0,,30.0\r\n'
    '"Poe, Edgar",4712,m101,edgar@uni.example,A,,,0.2,\r\n'
    '"Roe, Rita",4713,m102,rita@uni.example,B,,"7,5",EX,\r\n'
    '"Zoë, Šárka",4714,m103,sarka@uni.example,B,,,-,\r\n'
    '"Student, Test",4999,,abcdef,A,,,,\r\n'
)
MOODLE = (
    "Identifier,Full name,Email address,Status,Grade,Maximum Grade,Grade can be changed,"
    "Last modified (submission),Last modified (grade),Feedback comments\n"
    'Participant 501,Jane Doe,jane@uni.example,Submitted for grading - ,,1.50,Yes,"Monday, 1 June 2026, 9:00 AM",-,\n'
    'Participant 502,Edgar Poe,edgar@uni.example,Submitted,0.20,1.50,Yes,-,"Monday, 1 June 2026, 9:00 AM","=1+1"\n'
    "Participant 503,Rita Roe,rita@uni.example,Submitted,1.00,1.50,No,-,-,\n"
)
MOODLE_DE = (
    "\ufeffID;Vollständiger Name;E-Mail-Adresse;Status;Bewertung;Bestwertung;Bewertung kann geändert werden;"
    "Zuletzt geändert (Abgabe);Zuletzt geändert (Bewertung);Feedback als Kommentar\r\n"
    'Teilnehmer/in501;Jane Doe;jane@uni.example;Zur Bewertung;;"1,50";Ja;-;-;\r\n'
    'Teilnehmer/in503;Rita Roe;rita@uni.example;Zur Bewertung;"1,00";"1,50";Nein;-;-;\r\n'
)


def report(student: str, points: float | None = 1.25, **more: Any) -> Report:
    found = reported(outcome("public") if points is not None else failed("public", "not_graded"), student=student)
    return found.model_copy(update={"points": points, "name": student, "source": f"in/{student}", **more})


def grades(*reports: Report) -> Grades:
    return whole(build.about(Rubric(), "ef" * 32, Isolation("L2", ()), {"grader": "1"}, None), reports)


def saved(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "given.csv"
    path.write_bytes(text.encode(encoding))
    return path


def cells(data: bytes, row: int, delimiter: str = ",") -> list[str]:
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), delimiter=delimiter))[row]


# A table of which single cells change


@given(
    st.lists(st.lists(st.text(st.sampled_from('a ",;\r\n\té')), min_size=2, max_size=4), min_size=1, max_size=4),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
)
def test_cells_are_those_that_csv_reads_and_nothing_else_changes(rows: list[list[str]], end: str, quoting: int) -> None:
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator=end, quoting=quoting).writerows(rows)  # type: ignore[arg-type]
    text = out.getvalue()
    found = table.Table(text, "utf-8", ",", tuple(table._rows(text, ",")))
    read = list(csv.reader(io.StringIO(text, newline="")))
    assert [[cell.value for cell in row] for row in found.rows] == [row or [""] for row in read]
    assert found.changed({}) == text.encode()
    new = found.changed({(0, 0): '1,5"'}).decode()
    assert next(csv.reader(io.StringIO(new, newline="")))[0] == '1,5"'
    assert new.endswith(text[found.rows[0][0].end :])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_a_file_keeps_its_encoding_and_its_byte_order_mark(encoding: str, tmp_path: Path) -> None:
    path = saved(tmp_path, "Name;Note\r\nZoë;1,5\r\n", encoding)
    found = table.read(path)
    assert found.column(0) == ["Name", "Zoë"] and found.delimiter == ";"
    assert found.changed({(1, 1): "2"}) == path.read_bytes().replace("1,5".encode(found.encoding), "2".encode(found.encoding))


@pytest.mark.parametrize(
    ("data", "says"),
    [(b"PK\x03\x04", "export it as CSV"), (b'a,"b\nc', "a quotation mark in line 1 is never closed"), (b"a\0b", "NUL bytes")],
)
def test_what_is_no_table_is_refused_with_a_sentence(data: bytes, says: str, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_bytes(data)
    with pytest.raises(UsageError, match=says):
        table.read(tmp_path / "x.csv")


@given(st.floats(min_value=0, max_value=1e6), st.sampled_from([".", ","]))
def test_a_number_reads_back_as_itself(value: float, mark: str) -> None:
    text = number(value, mark)
    assert float(text.replace(mark, ".")) == value and "e" not in text
    assert table.number_in(text) == value


# Who is who


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("in/doejane_4711_90_prune.py", ("4711", "", "doejane_4711_90")),
        ("in/doejane_LATE_4711_90_my_1_2_prune-1.py", ("4711", "", "doejane_LATE_4711_90")),
        ("in/o_neil_4711_90_a.zip", ("4711", "", "o_neil_4711_90")),
        ("in.zip/doejane_4711_90_text.html", ("4711", "", "doejane_4711_90")),
    ],
)
def test_canvas_file_names_are_understood(source: str, expected: tuple[str, str, str]) -> None:
    found = names.canvas(report("x", source=source, name=""))
    assert found == names.Downloaded(*expected)


@pytest.mark.parametrize("source", ["in/anon_AbC12_90_prune.py", "in/prune.py", "in/my_1_prune.py", ""])
def test_names_that_canvas_did_not_give_have_no_id(source: str) -> None:
    assert names.canvas(report("x", source=source, name="")) is None


@pytest.mark.parametrize("folder", ["Jane Doe_501_assignsubmission_file", "Jane Doe_501_assignsubmission_file_"])
def test_moodle_folder_names_are_understood(folder: str) -> None:
    found = names.moodle(report("x", source=f"in/{folder}/4711_1_prune.py", name=""))
    assert found == names.Downloaded("501", "Jane Doe", "Jane Doe_501")


JANE = Person(2, "Doe, Jane", "4711", frozenset({"m100", "jane@uni.example"}))
EDGAR = Person(3, "Poe, Edgar", "4712", frozenset({"m101"}), "edgar@uni.example")
TWIN = Person(4, "DOE,  Jane", "4715")


@pytest.mark.parametrize(
    ("one", "row"),
    [
        (report("x", source="in/whoever_4711_9_prune.py"), 2),
        (report("m101"), 3),
        (report("x", email="JANE@uni.example"), 2),
        (report("x", email="edgar@uni.example"), 3),
        (report("x", name="edgar  POE.py"), 3),
        (report("x", name="Poe, Edgar"), 3),
    ],
)
def test_a_line_is_found_by_id_login_address_or_whole_name(one: Report, row: int) -> None:
    assert list(people.place([one], [JANE, EDGAR], names.canvas).rows) == [row]


@pytest.mark.parametrize(
    ("reports", "why"),
    [
        ([report("x", name="Jane Doe")], "any of the lines 3, 5"),
        ([report("x", name="Jane")], "no line has"),
        ([report("m101", email="jane@uni.example")], "different lines (3, 4)"),
        ([report("x", source="in/doejane_4711_9_a.py"), report("y", source="in/doejane_4711_8_b.py")], "of 2 submissions (x, y)"),
    ],
)
def test_a_doubtful_submission_is_placed_nowhere(reports: list[Report], why: str) -> None:
    placed = people.place(reports, [JANE, EDGAR, TWIN], names.canvas)
    assert not placed.rows and len(placed.unplaced) == len(reports)
    assert why in placed.unplaced[0][1]


# Canvas


def by_canvas(user: int, points: float | None) -> Report:
    return report(f"u{user}", points, source=f"in/name_{user}_9_prune.py")


def test_only_the_cells_of_the_column_change(tmp_path: Path) -> None:
    found = canvas.filled(saved(tmp_path, CANVAS), grades(by_canvas(4711, 1.3279999999999998), by_canvas(4714, 0.0)), "22")
    expected = CANVAS.replace("3.0,,30.0", "3.0,1.3279999999999998,30.0").replace(",,-,\r\n", ",,0.0,\r\n")
    assert found.data == expected.encode()
    assert (found.written, found.replaced, found.empty_rows, found.warnings) == (2, 0, 3, [])


def test_excused_students_and_those_the_grader_owes_keep_their_cell(tmp_path: Path) -> None:
    found = canvas.filled(saved(tmp_path, CANVAS), grades(by_canvas(4712, None), by_canvas(4713, 1.0)), "Pruning")
    assert found.data == CANVAS.encode()
    assert [one.student for one, _ in found.kept] == ["u4713"] and [one.student for one in found.owed] == ["u4712"]
    assert not found.is_complete


def test_a_gradebook_with_semicolons_gets_decimal_commas(tmp_path: Path) -> None:
    text = 'Student;ID;SIS Login ID;Section;Pruning (22)\n    Points Possible;;;;1,5\n"Doe, Jane";4711;jane;A;0,5\n'
    found = canvas.filled(saved(tmp_path, text), grades(by_canvas(4711, 1.25)), None)
    assert found.data == text.replace(";0,5\n", ";1,25\n").encode() and found.replaced == 1


def test_a_decimal_comma_between_commas_is_quoted(tmp_path: Path) -> None:
    text = 'Student,ID,SIS Login ID,Section,Pruning (22)\n    Points Possible,,,,"1,5"\n"Doe, Jane",4711,jane,A,\n'
    found = canvas.filled(saved(tmp_path, text), grades(by_canvas(4711, 1.25)), None)
    assert cells(found.data, 2)[4] == "1,25" and found.data.decode().endswith(',A,"1,25"\n')


def test_manual_posting_and_names_in_two_columns_are_understood(tmp_path: Path) -> None:
    text = (
        "LastName,FirstName,ID,SIS Login ID,Section,Pruning (22),Other (23)\n,,,,,Manual Posting,\n"
        "    Points Possible,,,,,1.5,2\nDoe,Jane,4711,jane,A,,\n"
    )
    found = canvas.filled(saved(tmp_path, text), grades(report("x", name="Jane Doe")), "pruning")
    assert cells(found.data, 3)[5] == "1.25" and found.column.possible == 1.5


@pytest.mark.parametrize(
    ("text", "wanted", "says"),
    [
        ("a,b\n", None, "expected a gradebook as Canvas exports it"),
        (CANVAS, None, "it holds several assignments; name one with --assignment and its title or id: 'Quiz .11.', 'Pruning"),
        (CANVAS, "Prunning", "no assignment is called 'Prunning'"),
        (CANVAS.replace("Quiz (11)", "Pruning (11)"), "Pruning", "2 assignments are called"),
        (CANVAS.replace("10.0,1.5", "10.0,(read only)"), "22", "read only"),
        (CANVAS[: CANVAS.index('"Doe')], "22", "holds no student"),
    ],
)
def test_a_gradebook_or_column_that_is_not_clear_is_refused(text: str, wanted: str | None, says: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=says):
        canvas.filled(saved(tmp_path, text), grades(by_canvas(4711, 1.0)), wanted)


def test_another_maximum_is_said_or_scaled_to(tmp_path: Path) -> None:
    path = saved(tmp_path, CANVAS.replace("10.0,1.5", "10.0,100"))
    plain = canvas.filled(path, grades(by_canvas(4711, 0.75)), "22")
    assert "out of 100 points, these results are out of 1.5" in plain.warnings[0] and cells(plain.data, 2)[7] == "0.75"
    scaled = canvas.filled(path, grades(by_canvas(4711, 0.75)), "22", scale=True)
    assert not scaled.warnings and cells(scaled.data, 2)[7] == "50.0"


# Moodle


NAMES = {501: "Jane Doe", 502: "Edgar Poe", 503: "Rita Roe"}


def by_moodle(number: int, points: float | None) -> Report:
    return report(f"p{number}", points, source=f"in/{NAMES[number]}_{number}_assignsubmission_file")


def test_a_group_gets_nobodys_grade_though_its_number_be_anothers(tmp_path: Path) -> None:
    group = report("g", source="in/Group A_501_assignsubmission_file")
    found = moodle.filled(saved(tmp_path, MOODLE), grades(group), None)
    assert found.data == MOODLE.encode() and "its name says 'Group A', but 'Jane Doe'" in found.placed.unplaced[0][1]


def test_only_grades_change_in_a_worksheet(tmp_path: Path) -> None:
    found = moodle.filled(saved(tmp_path, MOODLE), grades(by_moodle(501, 1.25), by_moodle(502, 0.5)), None)
    expected = MOODLE.replace("grading - ,,", "grading - ,1.25,").replace("Submitted,0.20", "Submitted,0.5")
    assert found.data == expected.encode() and found.replaced == 1 and not found.warnings


def test_a_row_that_moodle_has_locked_stays_and_is_told_of(tmp_path: Path) -> None:
    for text in (MOODLE, MOODLE_DE):
        found = moodle.filled(saved(tmp_path, text), grades(by_moodle(503, 1.25)), None)
        assert found.data == text.encode()
        assert "can't be changed" in found.kept[0][1]


def test_a_german_worksheet_keeps_its_form(tmp_path: Path) -> None:
    found = moodle.filled(saved(tmp_path, MOODLE_DE), grades(report("x", email="jane@uni.example")), None)
    assert found.data == MOODLE_DE.replace("Zur Bewertung;;", "Zur Bewertung;1,25;").encode()


HEADERS = {
    "fr": "Identifiant,Nom complet,Adresse de courriel,Statut,Note,Note maximale,La note peut être modifiée",
    "es": "Identificador,Nombre completo,Dirección de correo,Estatus,Calificación,Calificación máxima,La calificación puede ser"
    " cambiada",
    "nl": "Identificatie,Volledige naam,E-mailadres,Status,Beoordeling,Maximale beoordeling,Beoordeling kan gewijzigd worden",
    "ru": "Идентификатор,Полное имя,Email,Статус,Оценка,Максимальная оценка,Оценка может быть изменена",
    "zh": "标识符,姓名,电子邮件地址,状态,成绩,最高成绩,允许更改成绩",
    "unknown": "Kennung,Jemand,Post,Stand,Urteil,Maximum grade,Offen",
}


@pytest.mark.parametrize("language", HEADERS)
def test_the_grades_are_found_in_many_languages(language: str, tmp_path: Path) -> None:
    text = f"{HEADERS[language]},L1,L2\nParticipant 501,Jane Doe,jane@uni.example,ok,,1.5,x,-,-\n"
    found = moodle.filled(saved(tmp_path, text), grades(by_moodle(501, 1.25)), None)
    assert found.data == text.replace("ok,,", "ok,1.25,").encode() and found.column.possible == 1.5


def test_a_column_in_an_unknown_language_can_be_named(tmp_path: Path) -> None:
    path = saved(tmp_path, "K,Q,U\nX 501,Jane Doe,\n")
    with pytest.raises(UsageError, match="name it with --assignment: 'K', 'Q', 'U'"):
        moodle.filled(path, grades(by_moodle(501, 1.25)), None)
    assert moodle.filled(path, grades(by_moodle(501, 1.25)), "u").data == b"K,Q,U\nX 501,Jane Doe,1.25\n"


def test_a_file_without_identifiers_is_no_worksheet(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="expected a grading worksheet as Moodle gives it"):
        moodle.filled(saved(tmp_path, "Name,Grade\nJane,\n"), grades(by_moodle(501, 1.25)), None)


# Feedback


def test_feedback_has_the_names_that_uploads_look_for() -> None:
    jane, edgar = by_canvas(4711, 1.0), report("Edgar Poe")
    found = feedback.for_canvas([jane, edgar])
    assert list(found.members) == ["name_4711_9_report.html"] and [one for one, _ in found.left_out] == [edgar]
    rows = [Person(1, "Jane Doe", "501"), Person(2, "Edgar Poe", "502")]
    assert list(feedback.for_moodle([by_moodle(501, 1.0)], None).members) == ["Jane Doe_501_assignfeedback_file_/report.html"]
    assert list(feedback.for_moodle([edgar], rows).members) == ["Edgar Poe_502_assignfeedback_file_/report.html"]


@pytest.mark.parametrize("zipped", [False, True])
def test_who_handed_in_several_files_to_canvas_gets_feedback_by_one_of_them(zipped: bool, tmp_path: Path) -> None:
    folder = tmp_path / "submissions"
    folder.mkdir()
    for name in ("doejane_4711_90_prune.py", "doejane_4711_91_helper.py", "poeedgar_LATE_4712_92_prune.py"):
        (folder / name).touch()
    if zipped:
        shutil.make_archive(str(folder), "zip", folder)
    place = f"{folder}.zip" if zipped else folder
    found = feedback.for_canvas([report("x", source=f"{place}/doejane_4711", lms_id="canvas:4711")])
    assert list(found.members) in (["doejane_4711_90_report.html"], ["doejane_4711_91_report.html"])


def test_an_id_that_the_intake_recorded_finds_its_line() -> None:
    one = report("x", source="submissions/doejane_4711", lms_id="canvas:4711")
    assert list(people.place([one], [JANE, EDGAR], names.canvas).rows) == [JANE.row]
    assert not people.place([one.model_copy(update={"lms_id": "moodle:4711"})], [JANE], names.canvas).rows


def test_a_hostile_name_makes_no_path_in_the_zip() -> None:
    one = report("x", source="", name="../~_a/..\\b\n.py")
    found = feedback.for_moodle([one], [Person(1, "../~_a/..\\b", "7")])
    assert not found.members
    rows = [Person(1, "", "7", email="x@y")]
    (member,) = feedback.for_moodle([one.model_copy(update={"email": "x@y"})], rows).members
    folder, name = member.split("/")
    assert folder.endswith("_7_assignfeedback_file_") and folder.count("_") == 4 and not folder.startswith((".", "~")) and name


# The command


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """OUT of a small batch with its pages, which refer to their assets."""
    batch = grades(by_canvas(4711, 1.25), report("Edgar Poe", 0.5), report("nobody", 0.1), by_canvas(4714, None))
    write_class(tmp_path / "out", batch, Rubric())
    return tmp_path / "out"


def test_the_command_fills_a_gradebook_and_tells_what_it_could_not_place(out: Path, tmp_path: Path) -> None:
    given = saved(tmp_path, CANVAS)
    options = ("--gradebook", given, "--assignment", "Pruning", "-o", tmp_path / "new.csv", "--feedback", tmp_path / "f.zip")
    done = run_program("export", out, "canvas", *options)
    assert done.returncode == 1, done.stderr
    assert cells((tmp_path / "new.csv").read_bytes(), 2)[7] == "1.25" and given.read_bytes() == CANVAS.encode()
    assert "2 grades in 'Pruning (22)', of which 1 held another; " in done.stdout
    assert "nobody: not placed, no line has its id" in done.stderr and "u4714: not graded yet" in done.stderr
    with zipfile.ZipFile(tmp_path / "f.zip") as archive:
        assert archive.namelist() == ["name_4711_9_report.html", "name_4714_9_report.html"]
        page = archive.read("name_4711_9_report.html").decode()
    assert "assets/" not in page.partition("<body>")[0] and "self" not in page.partition("<title>")[0] and "<style>:root" in page


def test_the_command_prints_a_table_alone_on_stdout(out: Path) -> None:
    done = run_program("export", out, "csv", "-o", "-")
    assert done.returncode == 0 and done.stderr == ""
    assert done.stdout == (out / "gradebook.csv").read_text(encoding="utf-8")


def called(*arguments: object) -> None:
    """The command in this process: importing torch takes longest."""
    app(args=["export", *map(str, arguments)], standalone_mode=False)


def test_the_given_file_is_overwritten_only_when_told_to(out: Path, tmp_path: Path) -> None:
    given = saved(tmp_path, CANVAS)
    arguments = (out, "canvas", "--gradebook", given, "--assignment", "22", "-o", given)
    with pytest.raises(UsageError, match="say --overwrite"):
        called(*arguments)
    assert given.read_bytes() == CANVAS.encode()
    with pytest.raises(SystemExit, match="1"):
        called(*arguments, "--overwrite")
    assert cells(given.read_bytes(), 2)[7] == "1.25" and list(tmp_path.glob(".*tmp")) == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("canvas -o {x}/new.csv", "fills in a file of yours: name it by --gradebook"),
        ("canvas --gradebook {x}/given.csv", "nothing to write: name the new table with -o FILE, or --feedback"),
        ("canvas --worksheet {x}/given.csv -o {x}/new.csv", "takes --gradebook"),
        ("csv --feedback {x}/f.zip", "--feedback is for canvas and moodle"),
        ("moodle --feedback {x}/f.zip", "would be empty"),
        ("canvas --gradebook {x}/given.csv --assignment 22 -o {x}/no/new.csv", "new.csv: can't be written: no such file"),
        ("canvas --gradebook {x}/missing.csv --assignment 22 -o {x}/new.csv", "missing.csv: can't be read"),
        ("canvas --gradebook {x}/given.csv --assignment 22 -o {x}", "is not a file"),
    ],
)
def test_a_wrong_wish_gets_one_sentence(arguments: str, says: str, out: Path, tmp_path: Path) -> None:
    saved(tmp_path, CANVAS)
    with pytest.raises(UsageError, match=re.escape(says)):
        called(out, *arguments.format(x=tmp_path).split())
    assert not (tmp_path / "new.csv").exists()


def test_a_folder_without_grades_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="expected a folder that 'grade.py batch' wrote"):
        called(tmp_path, "csv", "-o", "-")


def test_a_page_made_standalone_later_is_the_one_that_is_written_so_at_once(out: Path, tmp_path: Path) -> None:
    write_class(tmp_path / "alone", read_grades(out), Rubric(), standalone=True)
    for student in ("u4711", "u4714"):  # with charts and without
        page = Path("students") / student / "report.html"
        assert standalone((out / page).read_text("utf-8"), page) == (tmp_path / "alone" / page).read_text("utf-8")


def test_a_page_of_another_version_is_not_sent_out(out: Path, tmp_path: Path) -> None:
    page = out / "students" / "u4711" / "report.html"
    page.write_text(page.read_text("utf-8").replace("assets/report.css", "assets/old.css"), "utf-8")
    with pytest.raises(UsageError, match="written by another version"):
        called(out, "canvas", "--feedback", tmp_path / "f.zip")
    assert not (tmp_path / "f.zip").exists()
