"""What check writes for machines: each format as its reader parses it, and nothing in it that a submission could command."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from classes import whole
from conftest import ROOT, rubric_file, run_program
from machine import obeyed

from grader.cli import checking
from grader.errors import GraderError
from grader.records import Failure, Graded, Isolation, LayerCount, Measurement, Outcome, Upload
from grader.report import build, github, gitlab, gradescope, schema
from grader.report.checked import Checked
from grader.report.github_batch import batch_annotations, batch_summary
from grader.report.junit import junit
from grader.report.schema import to_json
from grader.report.summary import official_run, summary
from grader.rubric import Rubric, parse

MAGNITUDE = ROOT / "submissions" / "magnitude.py"
CRITERIA = [
    {"kind": "threshold", "name": "sparse, very: 100%", "points": 0.5, "metric": "sparsity", "at_least": 0.99},
    {"kind": "manual", "name": "write-up", "points": 1.0},
]
RUBRIC = parse({"criteria": CRITERIA}, "rubric.yaml")
PLAIN = Rubric()
ISOLATION = Isolation("L2", ("seccomp",), {"namespaces": "::error::not here"})
# A line for each way to command a runner, a terminal, a browser or a Markdown page.
HOSTILE = (
    "::error::owned\nx ##[error]owned\n##vso[task.setvariable]x\n\x1b[31mred\x1b[2J\r::set-output name=a::b\n::stop-commands::x\n"
)
HOSTILE += (
    "section_start:1:a\r\x1b[0K[[ATTACHMENT|/etc/passwd]]\n</pre><script>alert(1)</script>\n]]>&\x00\ufffe</system-out>\n```\n"
)
TOKEN = "0123456789abcdef"


def measured() -> Outcome:
    found = Measurement(139_499, 142_346, {"layers.0.weight": LayerCount(1, 2)}, 20.0, (20.0,) * 10, "ab" * 32)
    return Outcome("public", found, None, log=HOSTILE, seconds=1.5, cpu_seconds=1.2, peak_memory_bytes=30 << 20, notes=(HOSTILE,))


def broken() -> Outcome:
    failure = Failure("raised", "prune", HOSTILE, "ValueError", 12, HOSTILE)
    return Outcome("public", None, failure, log=HOSTILE, seconds=1.5, cpu_seconds=1.2, peak_memory_bytes=30 << 20)


def checked(outcome: Outcome, rubric: Rubric = PLAIN, **more: Any) -> Checked:
    upload = Upload("ada", "prune.py", "prune.py", Path("prune.py"), "2026-05-01T12:00:00+02:00")
    report = build.report(Graded(upload, "cd" * 32, (outcome,), notes=(HOSTILE,)), rubric, None)
    return Checked(report, rubric, ISOLATION, **({"entry": "prune.py"} | more))


@pytest.mark.parametrize(("form", "quiet"), [("text", False), ("json", False), ("json", True)])
def test_a_file_that_can_not_be_written_does_not_cost_the_verdict(
    form: str, quiet: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(path: Path, text: str, *, instead: str, later: str) -> None:
        raise GraderError(later)

    found: Any = checking._Result(checked(broken()), None, None)  # type: ignore[arg-type]
    monkeypatch.setattr(checking, "_check", lambda *_: found)
    monkeypatch.setattr(checking, "write_text", full)
    wanted = checking._Wanted(Path("prune.py"), checking.Format(form), Path("out"), None, None, 0.0, None, quiet)
    nothing: Any = None
    with pytest.raises(GraderError, match="the verdict is printed: make room"):
        checking._once(nothing, nothing, nothing, "", nothing, wanted)
    assert capsys.readouterr().err.count("raised: 0.000 of 1.5 points") == 1


def test_the_tests_own_runner_obeys_what_a_submission_prints() -> None:
    assert [command for command, _, _ in obeyed(HOSTILE)] == ["error", "error", "set-output"]
    assert obeyed(f"::stop-commands::t\n{HOSTILE}::t::\n::notice::z") == [("notice", "", "z")]


@pytest.mark.parametrize("outcome", [measured(), broken()], ids=["graded", "raised"])
@pytest.mark.parametrize("write", [summary, junit, gitlab.metrics, gradescope.results])
def test_no_runner_obeys_a_submission_whatever_is_printed(outcome: Outcome, write: Any) -> None:
    printed = write(checked(outcome, RUBRIC))
    assert obeyed(printed) == []
    assert "##vso[" not in printed and "[[ATTACHMENT" not in printed
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]", printed)


def test_where_no_time_is_known_the_text_says_that_late_rules_were_not_applied() -> None:
    rubric = parse({"late": {"due": "2026-05-01", "percent_per_day": 10}}, "rubric.yaml")
    known = checked(measured(), rubric)
    unknown = Checked(known.report.model_copy(update={"lateness": None}), rubric, ISOLATION)
    assert "handed in: 12 h" not in summary(unknown) and "handed in: " in summary(known)
    assert "handed in: no time of handing in is known, so the late rules were not applied" in summary(unknown)
    assert "handed in" not in summary(checked(measured()))


def test_what_the_grader_owes_in_a_check_is_not_said_to_be_seen_by_an_instructor() -> None:
    owed = Outcome("public", None, Failure("not_graded", "evaluate", "the grader failed"))
    assert "sees this too" not in summary(checked(owed)) and "a check of your own you run again" in summary(checked(owed))


def test_everything_that_is_written_as_json_can_be_printed_in_a_job() -> None:
    report = checked(broken()).report
    printed = to_json(report).replace("##", "#\\u0023")
    assert obeyed(printed) == [] and json.loads(printed) == json.loads(to_json(report))


# For a person


def test_the_summary_says_verdict_points_what_limits_them_and_the_rung_above() -> None:
    said = summary(checked(measured(), RUBRIC, standing="between “a” and “b”", min_points=2.0))
    first, figures, reason, standing, *_ = said.splitlines()
    assert first == "graded: 1.485 of 3 points on the public validation data"
    assert figures == "sparsity 0.9800, error 20, score 0.9412"
    assert "points are missing" in reason and standing == "between “a” and “b”"
    assert "below --min-points: 1.485 points, expected at least 2" in said
    assert "took 1.2 of 60 s of CPU time, 1.5 of 120 s on the clock, 30 MiB of 4 GiB of memory" in said


def test_the_official_run_is_described_by_the_rubric_alone() -> None:
    rubric = parse({"instances": {"hidden": 1}, "limits": {"clock": "both", "cpu_seconds": 7}, "allow": {"gpu": False}}, "r")
    said = "\n".join(official_run(rubric))
    for words in ("another model with data of its own", "mean over all 2", "7 s of CPU time and 120 s on the clock", "no GPU"):
        assert words in said
    assert "another model" not in "\n".join(official_run(parse({"instances": {"hidden": 0}}, "r")))


# JUnit and GitLab


def suite_of(found: Checked) -> ElementTree.Element:
    (suite,) = ElementTree.fromstring(junit(found))
    return suite


def test_junit_has_a_case_for_each_instance_criterion_and_bound() -> None:
    suite = suite_of(checked(measured(), RUBRIC, min_points=3))
    names = [case.get("name") for case in suite]
    assert names == ["public", "criterion: sparse, very: 100%", "criterion: write-up", "at least 3 points"]
    assert [[child.tag for child in case] for case in suite] == [["system-out"], ["failure"], ["skipped"], ["failure"]]
    assert {name: suite.get(name) for name in ("tests", "failures", "errors", "skipped", "timestamp")} == {
        "tests": "4", "failures": "2", "errors": "0", "skipped": "1", "timestamp": "1970-01-01T00:00:00"
    }  # fmt: skip
    assert len({(case.get("classname"), case.get("name")) for case in suite}) == 4


def test_junit_tells_the_students_failure_from_the_graders() -> None:
    (case,) = suite_of(checked(broken()))
    failure = case.find("failure")
    assert failure is not None and failure.get("type") == "ValueError" and case.get("file") == "prune.py"
    assert "| ::error::owned" in str(failure.text)
    ours = Outcome("public", None, Failure("not_graded", "evaluate", "the grader failed: no disk"))
    assert [child.tag for child in suite_of(checked(ours))[0]] == ["error"]


def test_metrics_are_gauges_with_plain_names_and_exact_values() -> None:
    lines = gitlab.metrics(checked(measured())).splitlines()
    values = dict(line.split(" ") for line in lines if not line.startswith("#"))
    assert lines[-1] == "# EOF"
    assert float(values["prune_points"]) == checked(measured()).report.points and values["prune_error"] == "20.0"
    assert "prune_points 0.0" in gitlab.metrics(checked(broken())) and "prune_error" not in gitlab.metrics(checked(broken()))


# GitHub


def test_a_failure_is_annotated_at_its_line_and_the_log_commands_nothing() -> None:
    printed = github.step_output(checked(broken(), RUBRIC), TOKEN)
    assert printed.startswith(f"::stop-commands::{TOKEN}\n")
    error, *others = obeyed(printed)
    assert error[:2] == ("error", "file=prune.py,line=12,title=raised%3A stopped by an exception")
    assert error[2].startswith("::error::owned%0Ax # #[error]owned%0A")
    assert {command for command, _, _ in others} <= {"notice", "warning"}


def test_there_are_ten_annotations_at_most_and_the_verdict_comes_first() -> None:
    noisy = Outcome("public", None, Failure("raised", "prune", "no"), notes=tuple(f"note {n}" for n in range(40)))
    found = obeyed(github.step_output(checked(noisy, RUBRIC), TOKEN))
    assert len(found) == 10 and found[0][0] == "error"


def test_properties_and_messages_of_annotations_are_escaped_by_their_rules() -> None:
    (_, title, _), (_, criterion, _), *_ = obeyed(github.step_output(checked(measured(), RUBRIC, entry="a,b:c%.py"), TOKEN))
    assert title == "file=a%2Cb%3Ac%25.py,title=graded%3A 1.485 of 3 points on the public validation data"
    assert criterion == "file=a%2Cb%3Ac%25.py,title=criterion sparse%2C very%3A 100%25"


def test_the_step_summary_shows_a_students_words_as_words() -> None:
    text = github.step_summary(checked(broken(), RUBRIC))
    assert "<script" not in text and "&lt;script&gt;" in text
    outside = re.sub(r"<pre>.*?</pre>", "", text, flags=re.DOTALL)
    assert "owned" not in outside and "```" not in outside


@pytest.mark.parametrize("room", [0, 500, 4_000, 20_000, github.SUMMARY_BYTES])
def test_a_step_summary_fits_and_says_what_it_left_out(room: int) -> None:
    report = checked(measured()).report.model_copy(update={"log": "<&é\n" * 300_000})
    text = github.step_summary(Checked(report, Rubric(), ISOLATION), room)
    assert len(text.encode()) <= room
    assert bool(text) == (room >= 4_000)
    assert not text or "its end is shown" in text


def test_outputs_are_one_line_each() -> None:
    lines = github.outputs(checked(broken())).splitlines()
    values = dict(line.split("=", 1) for line in lines)
    assert values["verdict"] == "raised" and values["points"] == "0.0" and values["passed"] == "false"
    assert len(values) == len(lines) and "<<" not in "".join(name for name in values)


def test_classroom_gets_whole_numbers_and_the_commits_time() -> None:
    given = {
        "CLASSROOM": "dl",
        "ASSIGNMENT": "prune",
        "USERNAME": "ada",
        "SUBMISSION_TAG": "submit/x",
        "COMMIT_URL": "https://x/c",
    }
    found = json.loads(github.classroom_result(checked(measured(), RUBRIC), given))
    assert found["schema"] == "classroom50/result/v1"
    assert (found["owner"], found["classroom"], found["submission"]) == ("ada", "dl", "submit/x")
    assert (found["score"], found["max-score"], found["datetime"]) == (148, 300, "2026-05-01T10:00:00Z")
    assert (found["commit"], found["review"]) == ("https://x/c", "https://x/c")
    assert sum(test["score"] for test in found["tests"]) == found["score"]
    assert all(type(test[key]) is int for test in found["tests"] for key in ("score", "max-score"))
    assert [test["max-score"] for test in found["tests"]] == [150, 50, 100]


# Gradescope


def test_gradescope_sees_every_point_and_no_hidden_test() -> None:
    found = json.loads(gradescope.results(checked(measured(), RUBRIC)))
    scored = [test for test in found["tests"] if "score" in test]
    assert sum(test["max_score"] for test in scored) == 3.0 and found["score"] == pytest.approx(1.485, abs=1e-3)
    assert sum(test["score"] for test in scored) == found["score"]
    assert {test["visibility"] for test in found["tests"]} == {found["visibility"]} == {"visible"}
    assert {one["name"]: one["order"] for one in found["leaderboard"]} == {"points": "desc", "sparsity": "desc", "error": "asc"}


def test_what_the_grader_owes_is_no_grade() -> None:
    ours = Outcome("public", None, Failure("not_graded", "evaluate", "the grader failed: /secret/path"))
    found = json.loads(gradescope.results(checked(ours)))
    assert gradescope.NOT_A_GRADE in found["output"]
    assert found["extra_data"]["verdict"] == "not_graded" and "/secret/path" not in json.dumps(found["tests"])


METADATA = {
    "": None,
    "{": None,
    "[]": None,
    '{"created_at": 7, "users": {"name": "x"}}': None,
    '{"created_at": "2026-05-01T12:00:00"}': None,
    '{"created_at": "2026-05-01T12:00:00.123456-07:00"}': "2026-05-01T12:00:00.123456-07:00",
    '{"created_at": "2026-05-01T12:00:00Z"}': "2026-05-01T12:00:00+00:00",
}


@pytest.mark.parametrize("text", METADATA)
def test_metadata_of_any_kind_gives_the_time_or_none(text: str) -> None:
    assert gradescope.read_metadata(text).submitted_at == METADATA[text]


def test_a_group_has_all_its_names() -> None:
    users = [{"name": "Ada", "email": "ada@x.edu"}, {"name": "Bob\n", "email": None}, 7]
    found = gradescope.read_metadata(json.dumps({"users": users}))
    assert (found.name, found.email) == ("Ada, Bob", "ada@x.edu")


# The program


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("repository")
    (folder / "notes.py").write_text("x = 1\n")
    (folder / "solution.py").write_text(
        "def prune(model):\n    print('::error::owned')\n    raise ValueError('##[error]owned')\n"
    )
    return folder


def test_a_github_step_prints_annotations_and_writes_its_files(repository: Path, home: Path, tmp_path: Path) -> None:
    names = {"GITHUB_STEP_SUMMARY": "summary", "GITHUB_OUTPUT": "output", "CLASSROOM": "dl", "ASSIGNMENT": "a"}
    env = {name: str(tmp_path / file) for name, file in names.items()}
    arguments = ("check", repository, "--one", "--format", "github", "--submitted-at", "2026-05-01T12:00:00Z")
    done = run_program(*arguments, "--rubric", rubric_file(tmp_path), home=home, env=env, cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    ((command, properties, _),) = obeyed(done.stdout)
    assert command == "error" and properties.startswith(f"file={repository}/solution.py,line=3,")
    assert "raised" in (tmp_path / "summary").read_text() and "verdict=raised\n" in (tmp_path / "output").read_text()
    assert json.loads((tmp_path / "result.json").read_text())["datetime"] == "2026-05-01T12:00:00Z"


def test_one_check_writes_report_page_and_metrics(home: Path, tmp_path: Path) -> None:
    report, page, metrics = tmp_path / "report.xml", tmp_path / "new" / "page.html", tmp_path / "metrics.txt"
    files = ("--format", "gitlab", "-o", metrics, "--junit", report, "--html", page)
    done = run_program("check", MAGNITUDE, *files, "--rubric", rubric_file(tmp_path), home=home)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.startswith("graded: 0.8") and "On the ladder of known methods that is between" in done.stderr
    assert ElementTree.parse(report).getroot().get("failures") == "0"
    assert "prune_graded 1.0" in metrics.read_text()
    shown = page.read_text()
    assert "<script src=" not in shown and "magnitude.py" in shown and str(ROOT) not in shown


def test_samples_of_ones_own_are_scored_and_kept_from_the_submission(home: Path, tmp_path: Path) -> None:
    samples = tmp_path / "samples.npz"
    make = "import numpy, sys; numpy.savez(sys.argv[1], X=numpy.zeros((5, 128)), Y=numpy.zeros((5, 10)))"
    subprocess.run([sys.executable, "-c", make, samples], check=True)
    reader = tmp_path / "prune.py"
    reader.write_text(f"def prune(model):\n    print(open({str(samples)!r}, 'rb').read())\n")
    arguments = ("--samples", samples, "--rubric", rubric_file(tmp_path), "-q", "--format", "gradescope")
    done = run_program("check", MAGNITUDE, *arguments, home=home)
    assert json.loads(done.stdout)["tests"][0]["name"].endswith("hidden samples of the public model's test data")
    assert '"verdict": "raised"' in run_program("check", reader, *arguments, home=home).stdout


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--json", "--format", "junit"), "--json with --format junit: expected one of the two"),
        (("--submitted-at", "yesterday"), "--submitted-at yesterday: expected a time with its offset"),
        (("--samples", "missing.npz"), "missing.npz: no such file"),
    ],
)
def test_wrong_words_about_formats_are_refused(arguments: tuple[str, ...], sentence: str, home: Path) -> None:
    done = run_program("check", MAGNITUDE, *arguments, home=home)
    assert (done.returncode, done.stdout) == (2, "")
    assert sentence in done.stderr


# A batch in a job


def a_batch(count: int, owed: int) -> schema.Grades:
    ours = Outcome("public", None, Failure("not_graded", "evaluate", "::error::x | y\n##[z]"))
    outcomes = [measured()] * count + [ours] * owed
    uploads = [Upload(f"s{n:03}", "prune.py", "prune.py", Path("prune.py")) for n in range(count + owed)]
    reports = [build.report(Graded(upload, None, (one,)), PLAIN, None) for upload, one in zip(uploads, outcomes, strict=True)]
    return whole(build.about(PLAIN, "ef" * 32, ISOLATION, {}, None), reports)


def test_ten_annotations_name_who_waits_and_how_many_more_do() -> None:
    assert batch_annotations(a_batch(3, 0)) == []
    lines = batch_annotations(a_batch(0, 40))
    assert len(lines) == 10 and "and 31 more" in lines[-1]
    assert {command for command, _, _ in obeyed("\n".join(lines))} == {"error"}


@pytest.mark.parametrize("room", [100, 2_000, 1 << 20])
def test_the_summary_of_a_batch_fits(room: int) -> None:
    text = batch_summary(a_batch(60, 2), room)
    assert len(text.encode()) <= room
    assert bool(text) == (room > 100) and ("more do not fit" in text) == (room == 2_000)
    assert room != 1 << 20 or "::error::x &#124; y ##&#91;z]" in text
