"""Reports: complete for the instructor, silent about hidden instances for students, harmless whatever a submission wrote."""

import csv
import dataclasses
import html
import io
import json
import math
import os
import re
import typing
from pathlib import Path

import pytest
from classes import class_page, whole, write_class
from jsonschema import Draft202012Validator

from grader.cli.table import print_table
from grader.errors import GraderError, UsageError
from grader.records import Failure, Graded, Isolation, LayerCount, Measurement, Outcome, Upload, Verdict
from grader.report import advice, build, schema, write
from grader.report.charts import SHIPPED
from grader.report.csv import HEADER, header, row, text_cell
from grader.report.student import student_view
from grader.report.student_page import student_page
from grader.report.text import clean, one_line
from grader.rubric import Rubric, parse

VERDICTS = typing.get_args(Verdict)
FAILURES = [verdict for verdict in VERDICTS if verdict != "graded"]
CRITERIA = [
    {"kind": "threshold", "name": "sparse", "points": 0.5, "metric": "sparsity", "at_least": 0.9},
    {"kind": "beats_reference", "name": "better", "points": 0.25},
    {"kind": "manual", "name": "style", "points": 1.0},
]
RUBRIC = parse({"criteria": CRITERIA}, "rubric.yaml")
PLAIN = Rubric()
SIZES = {"layers.0.weight": 131072, "layers.0.bias": 1024, "layers.2.weight": 10240, "layers.2.bias": 10}
ISOLATION = Isolation("L2", ("landlock", "seccomp"), {"network namespace": "not available"})


def measured(sparsity: float = 0.95, mse: float = 123.456) -> Measurement:
    layers = {name: LayerCount(int(size * sparsity), size) for name, size in SIZES.items()}
    zeros = sum(layer.zeros for layer in layers.values())
    return Measurement(zeros, 142_346, layers, mse, (mse,) * 10, "ab" * 32)


def graded(instance: str, mse: float = 123.456, **texts: typing.Any) -> Outcome:
    return Outcome(instance, measured(mse=mse), None, seconds=1.25, graded_at="2026-05-01T12:00:00Z", **texts)


def failed(instance: str, verdict: Verdict = "raised", message: str = "ValueError: no", **more: typing.Any) -> Outcome:
    return Outcome(instance, None, Failure(verdict, "prune", message, **more), seconds=1.0)


def submission(*outcomes: Outcome, student: str = "ada", **more: typing.Any) -> Graded:
    return Graded(Upload(student, f"{student}.py", f"/lecture/2026/{student}.py", Path(student)), "cd" * 32, outcomes, **more)


def reported(*outcomes: Outcome, rubric: Rubric = PLAIN, **more: typing.Any) -> schema.Report:
    return build.report(submission(*outcomes, **more), rubric, (graded("public"),))


def batch(*reports: schema.Report, rubric: Rubric = PLAIN) -> schema.Grades:
    reference = build.report(submission(graded("public"), student="reference"), rubric, None)
    about = build.about(rubric, "ef" * 32, ISOLATION, {"grader": "0.1.0", "device": "cpu"}, reference)
    return whole(about, reports)


def gradebook(*reports: schema.Report) -> str:
    return header() + "".join(map(row, reports))


def feedback(kind: str) -> Rubric:
    return parse({"feedback": {"hidden_figures": kind}}, "rubric.yaml")


def problems(text: str, name: str) -> list[str]:
    validator = Draft202012Validator(json.loads((schema.SCHEMAS / name).read_text(encoding="utf-8")))
    return [error.message for error in validator.iter_errors(json.loads(text))]


# What is published


def test_the_published_schemas_are_current_and_valid() -> None:
    for name, text in schema.schema_texts().items():
        assert (schema.SCHEMAS / name).read_text(encoding="utf-8") == text, "run: python -m grader.report.schema"
        Draft202012Validator.check_schema(json.loads(text))


@pytest.mark.parametrize("verdict", VERDICTS)
def test_every_verdict_gives_files_that_follow_the_schema(verdict: Verdict, tmp_path: Path) -> None:
    last = graded("hidden-1") if verdict == "graded" else failed("hidden-1", verdict)
    write_class(tmp_path, batch(reported(graded("public"), last, rubric=RUBRIC), rubric=RUBRIC), RUBRIC)
    assert problems((tmp_path / "grades.json").read_text("utf-8"), "grades.schema.json") == []
    assert problems((tmp_path / "students/ada/report.json").read_text("utf-8"), "report.schema.json") == []


def test_the_fields_are_those_that_others_rely_on() -> None:
    report = json.loads(schema.to_json(reported(graded("public"))))
    whole = (
        "schema_version student name source sha256 submitted_at verdict stage message raw_points late_penalty points max_points "
        "score sparsity mse marks instances log log_truncated notes seconds graded_at"
    )
    instance = (
        "name verdict stage message sparsity mse score points zeros parameters layers mse_per_output weights_sha256 seconds "
        "peak_memory_bytes log"
    )
    assert set(report) >= set(whole.split())
    assert set(report["instances"][0]) >= set(instance.split())


def test_every_batch_gives_all_files_of_the_contract_and_no_temporary_ones(tmp_path: Path) -> None:
    write_class(tmp_path, batch(reported(graded("public"))), PLAIN)
    assert {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()} == {
        *(f"assets/{name}" for name in ("report.css", "table.js", *SHIPPED)),
        "grades.json",
        "gradebook.csv",
        "index.html",
        "students/ada/report.html",
        "students/ada/report.json",
    }


# Points


def test_a_failed_instance_counts_zero_and_the_denominator_stays() -> None:
    whole, half = reported(graded("public"), graded("hidden-1")), reported(graded("public"), failed("hidden-1"))
    assert whole.points is not None and half.points == pytest.approx(whole.points / 2)
    assert half.max_points == whole.max_points == 1.5
    assert half.score is half.sparsity is half.mse is None


def test_marks_add_to_the_mean_and_to_the_maximum() -> None:
    report = reported(graded("public"), rubric=RUBRIC)
    assert report.instances[0].points is not None
    assert report.raw_points == report.points == pytest.approx(report.instances[0].points + 0.5)
    assert report.max_points == reported(failed("public"), rubric=RUBRIC).max_points == 3.25


def test_one_instance_that_the_grader_owes_makes_all_points_null() -> None:
    report = reported(failed("public"), failed("hidden-1", "not_graded", "device lost"), rubric=RUBRIC)
    assert (report.verdict, report.points, report.raw_points) == ("not_graded", None, None)
    assert report.message == "device lost"
    assert gradebook(report).splitlines()[1].split(",")[4:8] == ["", "0.0", "", "3.25"]


@pytest.mark.parametrize("verdict", [verdict for verdict in FAILURES if verdict != "not_graded"])
def test_every_failure_of_theirs_is_worth_a_number(verdict: Verdict) -> None:
    assert reported(failed("public", verdict)).points == 0.0


def test_verdict_and_message_are_those_of_the_first_failing_instance() -> None:
    report = reported(graded("public"), failed("hidden-1", "crashed", "signal 11"), failed("hidden-2", "raised", "later"))
    assert (report.verdict, report.stage, report.message) == ("crashed", "prune", "signal 11")


def test_a_submission_without_outcomes_is_owed_and_never_a_zero() -> None:
    assert reported().verdict == "not_graded" and reported().points is None


@pytest.mark.parametrize("mse", [math.nan, math.inf])
def test_no_nan_or_infinity_reaches_json(mse: float) -> None:
    text = schema.to_json(batch(reported(graded("public", mse=mse))))
    json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} in JSON"))
    assert reported(graded("public", mse=mse)).points == 0.0


def test_submissions_stand_in_student_order() -> None:
    reports = [reported(graded("public"), student=student) for student in ("c", "a", "b")]
    assert [report.student for report in batch(*reports).submissions] == ["a", "b", "c"]


# What students see


CANARY = "CANARY0xC0FFEE"


def leaking(outcome: Outcome) -> Outcome:
    """The outcome with the canary in each of its texts, and recognisable numbers everywhere else."""
    if outcome.failure:
        failure = dataclasses.replace(outcome.failure, message=CANARY, exception=CANARY, traceback=CANARY)
        outcome = dataclasses.replace(outcome, failure=failure)
    return dataclasses.replace(
        outcome, notes=(CANARY,), log=CANARY, seconds=7777.7, cpu_seconds=7777.7, peak_memory_bytes=77777, graded_at=CANARY
    )


@pytest.mark.parametrize("kind", ["exact", "rounded", "banded"])
@pytest.mark.parametrize("verdict", VERDICTS)
def test_nothing_of_a_hidden_instance_leaks_to_its_student(verdict: Verdict, kind: str, tmp_path: Path) -> None:
    hidden = leaking(graded("hidden-1", mse=77.7) if verdict == "graded" else failed("hidden-1", verdict))
    rubric = feedback(kind)
    report = reported(graded("public", log="mine"), hidden, rubric=rubric)
    assert CANARY in schema.to_json(report), "the instructor's report must show it"
    write_class(tmp_path, batch(report, rubric=rubric), rubric)
    shown = json.loads((tmp_path / "students/ada/report.json").read_text("utf-8"))
    for path in (tmp_path / "students").rglob("*.*"):
        assert not any(word in path.read_text("utf-8") for word in (CANARY, "7777", "77.7")), path
    told = {"name", "verdict", "message", "points", "exception", "line"}
    assert {key for key, value in shown["instances"][1].items() if value} <= told
    assert (shown["log"], shown["seconds"]) == ("mine", 1.25)


def test_an_exception_and_its_line_are_told_of_a_hidden_instance() -> None:
    view = student_view(reported(graded("public"), failed("hidden-1", exception="ValueError", line=7)), PLAIN)
    assert view.message == "on the hidden instance hidden-1: an exception was raised (ValueError) at line 7"


def test_a_line_number_that_no_file_has_is_not_told() -> None:
    assert reported(failed("public", line=10**300)).instances[0].line is None


def test_the_public_instance_keeps_its_words_and_exact_zeros() -> None:
    public = student_view(reported(failed("public", traceback="line 3")), PLAIN).instances[0]
    assert (public.message, public.stage, public.traceback) == ("ValueError: no", "prune", "line 3")
    report = reported(graded("public"))
    assert student_view(report, PLAIN).instances[0].sparsity == report.instances[0].sparsity


@pytest.mark.parametrize(
    ("kind", "mse", "points"), [("exact", 123.456, 1.1703), ("rounded", 120.0, 1.17), ("banded", 200.0, 1.2)]
)
def test_hidden_figures_follow_the_rubric(kind: str, mse: float, points: float) -> None:
    rubric = feedback(kind)
    public = student_view(reported(graded("public"), graded("hidden-1"), rubric=rubric), rubric).instances[0]
    assert public.mse == mse and public.mse_per_output == [mse] * 10
    assert public.points == pytest.approx(points, abs=1e-3)


@pytest.mark.parametrize("kind", ["exact", "rounded", "banded"])
@pytest.mark.parametrize("mse", [0.0, 1e-7, 0.001, 1.0, 99.96, 5000.0, 1e83])
def test_a_students_view_seen_twice_is_the_same(kind: str, mse: float) -> None:
    view = student_view(reported(graded("public", mse=mse), failed("hidden-1")), feedback(kind))
    assert student_view(view, feedback(kind)) == view


def test_a_fault_of_the_grader_is_not_described_to_students() -> None:
    report = reported(failed("public", "not_graded", "/srv/secret/hidden.npz: device lost", traceback="/srv/secret"))
    assert "/srv" not in schema.to_json(student_view(report, PLAIN))
    assert "/lecture" not in schema.to_json(student_view(report, PLAIN))


# Untrusted text

HOSTILE = "<script>alert(1)</script> {{7*7}} {% raw %} \u202egnp.exe \x1b[2J\x1b]0;pwn\x07 \x00 \u200b \ud800 </pre> <img src=x>"


def hostile_pages() -> list[str]:
    outcome = failed("public", message=HOSTILE, traceback=HOSTILE)
    outcome = dataclasses.replace(outcome, log=HOSTILE, notes=(HOSTILE,))
    report = reported(outcome, notes=(HOSTILE,), name=HOSTILE, email=HOSTILE)
    return [student_page(student_view(report, PLAIN), batch(report), PLAIN), class_page(batch(report), PLAIN)]


def test_pages_show_hostile_text_and_obey_none_of_it() -> None:
    for page in hostile_pages():
        ours = re.sub(r'<script (src="[a-z./-]+" defer|type="application/json" id="[a-z-]+")>', "", page)
        assert "<script" not in ours and "<img" not in re.sub(r'<img class="mask[^>]*>', "", page)
        assert "&lt;script&gt;" in page and "{{7*7}}" in page
        assert not any(character in page for character in "\u202e\x1b\x07\x00\u200b\ud800")
        assert "\\u202e" in page and "\\x1b[2J" in page


def test_pages_run_no_script_and_load_nothing_from_elsewhere() -> None:
    for page in hostile_pages():
        assert "default-src 'none'" in page and "unsafe" not in page
        assert not any(word in page for word in ("http://", "https://", "style=", " onload", "javascript:"))


def test_a_page_can_stand_alone_with_its_styles_inside() -> None:
    report = reported(graded("public"))
    page = student_page(report, batch(report), PLAIN, assets=None)
    assert "<link" not in page and "style-src 'sha256-" in html.unescape(page)


def test_ten_megabytes_of_message_are_cut_to_a_readable_length() -> None:
    report = reported(failed("public", message="\u202e" + "A" * 10_000_000 + "the end"))
    assert len(report.message) == build.MESSAGE
    assert report.message.startswith("\\u202eAAA") and report.message.endswith("the end") and "characters cut" in report.message


def test_a_log_that_grows_when_cleaned_is_cut_and_says_so() -> None:
    report = reported(dataclasses.replace(graded("public"), log="\x00" * 60_000))
    assert len(report.log) == PLAIN.limits.log_bytes and report.log_truncated
    assert not reported(dataclasses.replace(graded("public"), log="short")).log_truncated


@pytest.mark.parametrize("limit", [0, 1, 5, 40, 200])
def test_cleaning_keeps_to_its_limit_and_cleaning_twice_changes_nothing(limit: int) -> None:
    once = clean(HOSTILE * 3, limit)
    assert len(once) <= limit and clean(once, limit) == once
    assert clean("a\r\nb\rc\t\x1b[31md\x1b[0m", 99) == "a\nb\nc\td"
    assert one_line("a\n\n b\u2028c", 99) == "a b\\u2028c"


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "＝"])
def test_no_cell_of_the_gradebook_is_a_formula(start: str) -> None:
    evil = f'{start}HYPERLINK("x")'
    report = reported(failed("public", message=evil), student="-x", name=evil, email=evil)
    row = next(csv.DictReader(io.StringIO(gradebook(report))))
    assert not any(row[column].startswith(start) for column in ("name", "email", "message"))
    assert row["student"] == "'-x"
    assert text_cell("plain = text") == "plain = text"


def test_the_gradebook_has_one_line_for_each_submission_and_exact_points() -> None:
    reports = [reported(graded("public")), reported(failed("public", message='a\nb,"c"'), student="bob")]
    lines = gradebook(*reports).splitlines()
    assert lines[0] == ",".join(HEADER) and len(lines) == 3
    assert float(lines[1].split(",")[6]) == reports[0].points


# Words


@pytest.mark.parametrize("verdict", VERDICTS)
def test_every_verdict_has_plain_words(verdict: Verdict) -> None:
    words = advice.explain(verdict, PLAIN)
    assert words.title and words.meaning and words.advice and "{" not in words.meaning


@pytest.mark.parametrize(
    ("message", "told"),
    [
        (
            "prune(model) used more than 6 s of CPU time (limits.cpu_seconds in rubric.yaml); try fewer training steps",
            "prune(model) used more than 6 s of CPU time; raise limits.cpu_seconds in rubric.yaml, and see 'grade.py doctor'",
        ),
        (
            "more memory was used than limits.memory_bytes in rubric.yaml allows",
            "more memory was used than limits.memory_bytes in rubric.yaml allows; raise limits.memory_bytes in rubric.yaml, and ",
        ),
        ("ValueError: no; or so", "ValueError: no; or so; see 'grade.py doctor'"),
    ],
)
def test_a_failing_reference_gets_an_instructors_advice(message: str, told: str) -> None:
    assert advice.for_instructor(message).startswith(told)


def test_the_graders_own_row_is_told_from_a_student_of_that_name(capsys: pytest.CaptureFixture[str]) -> None:
    own = build.report(submission(graded("public"), student="reference"), PLAIN, None)
    about = build.about(PLAIN, "ef" * 32, Isolation("L3", ()), {}, own)
    print_table([own], about)
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["student", "reference", "(reference)"]


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        (
            (graded("public", mse=0.0),),
            "all to sparsity; no error would be enough at this sparsity (0.9499), but at this error",
        ),
        (
            (graded("public", mse=400.0),),
            "error; full points need a sparsity above 0.9663 and an error below 33.6.",
        ),
        ((graded("public"), failed("hidden-1")), "1 of 2 instances failed and counts 0: that costs up to 0.75 points"),
        ((failed("public"),), "nothing to score"),
        ((failed("public", "not_graded"),), "the grader failed, not the submission"),
    ],
)
def test_one_sentence_says_what_limits_the_points(outcomes: tuple[Outcome, ...], expected: str) -> None:
    assert expected in advice.what_limits(reported(*outcomes), PLAIN)


def test_full_points_are_limited_by_nothing() -> None:
    full = Outcome("public", measured(sparsity=1.0, mse=1.0), None)
    assert advice.what_limits(reported(full), PLAIN) == "Nothing is missing: these are full points."


# Files


def test_a_file_in_the_way_of_the_output_is_an_error_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file, where a folder should be")
    with pytest.raises(UsageError, match="report.css: can't be written: .*; nothing graded is lost: make it writable"):
        write_class(tmp_path / "out", batch(reported(graded("public"))), PLAIN)


def test_a_full_disk_is_an_error_and_leaves_the_earlier_file_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "grades.json"
    write.write_text(path, "earlier")

    def full(*_: object) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(GraderError, match="grades.json: can't be written: no space .*; nothing graded is lost: make room"):
        write.write_text(path, "later")
    assert path.read_text() == "earlier" and os.listdir(tmp_path) == ["grades.json"]


@pytest.mark.parametrize("student", ["../evil", "a/b", "a\\b", "..", ""])
def test_an_id_that_leaves_the_students_folder_is_refused(student: str, tmp_path: Path) -> None:
    with pytest.raises(GraderError, match="can't be a folder's name"):
        write_class(tmp_path, batch(reported(graded("public"), student=student)), PLAIN)
    assert os.listdir(tmp_path) == []


def test_two_submissions_of_one_id_are_refused_before_one_overwrites_the_other(tmp_path: Path) -> None:
    with pytest.raises(GraderError, match="'ada' stands twice"):
        write_class(tmp_path, batch(reported(graded("public")), reported(failed("public"))), PLAIN)


def test_folders_of_earlier_students_stay(tmp_path: Path) -> None:
    write_class(tmp_path, batch(reported(graded("public"), student="old")), PLAIN)
    write_class(tmp_path, batch(reported(graded("public"), student="new")), PLAIN)
    assert {path.name for path in (tmp_path / "students").iterdir()} == {"old", "new"}
