"""What a points scale makes of a ladder: from figures worked out by hand, and through the command as its user runs it."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path

import pytest
from conftest import ROOT, rubric_file, run_program

from grader import ladder
from grader.records import Failure, Graded, Isolation, LayerCount, Measurement, Outcome, Upload, Verdict
from grader.report import build
from grader.report.calibration import calibrate
from grader.report.schema import Calibration, Report
from grader.rubric import Rubric, parse

PLAIN = Rubric()
NAMES = ("public", "hidden-1", "hidden-2")


def method(name: str, *results: tuple[float, float], failure: Verdict | None = None) -> Report:
    """A method with (sparsity, error) on each instance, on the last of which it may have failed."""
    outcomes = []
    for instance, (sparsity, mse) in zip(NAMES, results, strict=False):
        zeros = round(sparsity * 142_346)
        found = Measurement(zeros, 142_346, {"layers.0.weight": LayerCount(zeros, 142_346)}, mse, (mse,) * 10, "ab" * 32)
        outcomes.append(Outcome(instance, found, None, seconds=2.0, cpu_seconds=1.5))
    if failure:
        outcomes[-1] = Outcome(outcomes[-1].instance, None, Failure(failure, "prune", "no"))
    return build.report(Graded(Upload(name, name, name, Path(name)), None, tuple(outcomes)), PLAIN, None)


def calibration(*methods: Report, against: Rubric | None = None, students: list[float] | None = None) -> Calibration:
    about = build.about(PLAIN, "ef" * 32, Isolation("L3", ()), {}, None)
    return calibrate(methods, PLAIN, about, against=against, students=students)


# score((1 - mse/1000) * sparsity) ** 1.5, points between 0.085 and 0.95: by hand from the assignment's formulas
BEST = method("best", (0.99, 2.0), (0.99, 3.0), (0.99, 2.5))
ALSO_FULL = method("also_full", (0.98, 4.0), (0.98, 5.0), (0.98, 4.5))
BRIDGE = method("bridge", (0.99, 92.0), (0.99, 93.0), (0.99, 92.5))  # 1.329 points
SELECTED = method("selected", (0.995, 92.0), (0.995, 93.0), (0.995, 92.5))  # 1.341: apart, by more than its spread
NOISY = method("noisy", (0.99, 60.0), (0.99, 150.0), (0.99, 75.0))  # near the bridge, above and below it
HALF = method("half", (0.75, 96.0), (0.75, 95.0), (0.75, 97.0))
NOTHING = method("nothing", (0.0, 4.0), (0.0, 4.0), (0.0, 4.0))


def test_methods_stand_best_first_with_where_the_scale_cuts_them() -> None:
    found = calibration(NOTHING, BRIDGE, ALSO_FULL, BEST)
    assert [one.name for one in found.methods] == ["best", "also_full", "bridge", "nothing"]
    assert found.full_points == ["best", "also_full"]
    assert found.no_points == ["nothing"]
    assert (found.methods[0].score or 0) > (found.methods[1].score or 0) > found.upper
    assert found.methods[2].points == pytest.approx(1.3293, abs=2e-4)
    assert found.methods[2].lowest == pytest.approx(1.3282, abs=2e-4)
    assert found.methods[2].highest == pytest.approx(1.3304, abs=2e-4)


def test_neighbours_are_alike_where_both_are_cut_or_their_difference_is_within_its_spread() -> None:
    assert calibration(BEST, ALSO_FULL).indistinct == [("best", "also_full")]
    assert calibration(BRIDGE, SELECTED).indistinct == []
    assert len(calibration(BRIDGE, NOISY).indistinct) == 1
    assert calibration(HALF, BRIDGE).indistinct == []


def test_tiers_take_the_whole_scale() -> None:
    tiers = calibration(NOTHING, HALF, BRIDGE, SELECTED, ALSO_FULL, BEST).tiers
    assert [tier.methods for tier in tiers] == [["best", "also_full"], ["selected", "bridge"], ["half"], ["nothing"]]
    assert sum(tier.share for tier in tiers) == pytest.approx(1.0)
    assert tiers[1].share == pytest.approx((1.5 - 1.3293) / 1.5, abs=1e-3)


def test_every_student_stands_at_one_place() -> None:
    found = calibration(HALF, BRIDGE, ALSO_FULL, BEST, students=[1.5, 1.49, 1.33, 1.2, 0.9, 0.5, 0.0])
    assert [(one.name, one.students) for one in found.methods] == [("best", 1), ("also_full", 0), ("bridge", 2), ("half", 2)]
    assert (found.students, found.students_below) == (7, 2)
    assert calibration(HALF).students is None


def test_another_rubric_moves_the_points_and_not_the_measurements() -> None:
    gentle = parse({"points": {"upper": 0.5}}, "gentle.yaml")
    found = calibration(HALF, BRIDGE, against=gentle)
    assert [one.before for one in found.methods] == [1.5, 1.5]
    assert found.methods[1].points is not None and found.methods[1].points < 1.0


def test_a_failed_method_stands_in_the_table_and_in_no_tier() -> None:
    found = calibration(BRIDGE, method("late", (0.99, 92.0), (0.99, 92.0), failure="timed_out"))
    assert [(one.name, one.verdict) for one in found.methods] == [("bridge", "graded"), ("late", "timed_out")]
    assert found.methods[1].points == pytest.approx(1.3304 / 2, abs=2e-4)
    assert found.methods[1].lowest == 0.0
    assert [tier.methods for tier in found.tiers] == [["bridge"]]
    owed = calibration(BRIDGE, method("owed", (0.99, 92.0), (0.99, 92.0), failure="not_graded"))
    assert owed.methods[1].points is None


def test_the_ladder_is_what_lies_in_reference() -> None:
    names = {upload.student for upload in ladder.ladder()}
    assert {"random", "global_magnitude", "snip", "linear_bridge", "best"} <= names
    assert names == {path.stem for path in (ROOT / "reference").glob("*.py")}


@pytest.mark.long
@pytest.mark.longest
@pytest.mark.timeout(1800)  # four minutes on two free cores
def test_every_method_is_worth_what_the_readme_says(tmp_path: Path, home: Path) -> None:
    """On another instance than those of the table, within what instances differ by."""
    rubric = rubric_file(tmp_path, limits={"cpu_seconds": 60, "wall_seconds": 120})
    done = run_program("calibrate", "--rubric", rubric, "-o", tmp_path / "out", "--json", home=home, timeout=1500)
    assert done.returncode == 0, done.stderr
    found = {one.name: one for one in Calibration.model_validate_json(done.stdout).methods}
    assert {name: one.message for name, one in found.items() if one.verdict != "graded"} == {}
    stated = json.loads((ROOT / "reference" / "ladder.json").read_text(encoding="utf-8"))
    assert {rung["name"] for rung in stated["methods"]} == set(found)
    points = {rung["name"]: PLAIN.points_of(PLAIN.score_of(rung["mse"], rung["sparsity"])) for rung in stated["methods"]}
    assert {name: one.points for name, one in found.items()} == pytest.approx(points, abs=0.08)
    assert (found["best"].score or 0) > 0.98


# --- the command ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, home: Path) -> Path:
    """A calibration of three quick methods, one of which fails."""
    folder = tmp_path_factory.mktemp("calibrated")
    rubric_file(folder, instances={"hidden": 1})
    (folder / "methods").mkdir()
    for name in ("magnitude", "random_pruning", "raises"):
        shutil.copy(ROOT / "submissions" / f"{name}.py", folder / "methods")
    done = run_program("calibrate", "methods", "-o", "out", cwd=folder, home=home)
    assert done.returncode == 0, done.stderr
    (folder / "said").write_text(done.stdout)
    return folder


def test_calibrate_prints_and_writes_the_table(folder: Path) -> None:
    said = (folder / "said").read_text()
    assert "can't be told apart: none" in said and "no points up to a score of 0.085: random_pruning" in said
    assert "  raised: " in said
    found = Calibration.model_validate_json((folder / "out" / "calibration.json").read_bytes())
    assert [one.name for one in found.methods][:1] == ["magnitude"] and found.instances == 2
    page = (folder / "out" / "calibration.html").read_text()
    assert page.count('<figure class="chart"') == 4 and "<script>" not in page
    assert (folder / "out" / "assets" / "charts.js").exists()


def test_another_rubric_needs_no_new_run(folder: Path, home: Path) -> None:
    def runs() -> list[tuple[object, ...]]:
        with sqlite3.connect(folder / "out" / "ledger.sqlite") as ledger:
            return ledger.execute("SELECT key, committed_at FROM runs ORDER BY key").fetchall()

    before = runs()
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    other = rubric_file(elsewhere, instances={"hidden": 1}, points={"upper": 0.6})
    done = run_program("calibrate", "methods", "-o", "out", "--rubric", other, "--json", "-q", cwd=folder, home=home)
    assert done.returncode == 0, done.stderr
    (first, *_) = json.loads(done.stdout)["methods"]
    assert first["points"] > first["before"] > 0.7
    assert runs() == before
    assert done.stderr == ""
    other = rubric_file(elsewhere, instances={"hidden": 1}, limits={"cpu_seconds": 7})
    done = run_program("calibrate", "methods", "-o", "out", "--rubric", other, "-q", cwd=folder, home=home)
    assert "limits differ from rubric.yaml, so methods are run under them" in done.stderr
    assert len(runs()) > len(before)


@pytest.mark.long
@pytest.mark.longest
def test_students_of_a_batch_are_placed_between_the_rungs(folder: Path, home: Path) -> None:
    batch = run_program("batch", "methods/magnitude.py", "-o", "reports", "-q", cwd=folder, home=home)
    assert batch.returncode == 0, batch.stderr
    done = run_program("calibrate", "methods", "-o", "out", "--student-data", "reports", "-q", cwd=folder, home=home)
    assert done.returncode == 0, done.stderr
    assert Calibration.model_validate_json((folder / "out" / "calibration.json").read_bytes()).methods[0].students == 1
    assert "students" in done.stdout.splitlines()[0]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--compare", "magnitud"], "--compare magnitud: no such method; there are magnitude, raises, random_pruning"),
        (["--student-data", "methods"], "methods/grades.json: can't be read: no such file or directory"),
        (
            ["--student-data", "out/calibration.json"],
            "is not this grader's grades.json, expected a folder that 'grade.py",
        ),
        (["--against", "missing.yaml"], "missing.yaml: no such file"),
    ],
    ids=lambda value: value[1] if isinstance(value, list) else "",
)
def test_wrong_words_get_one_sentence(words: list[str], says: str, folder: Path, home: Path) -> None:
    done = run_program("calibrate", "methods", "-o", "out", *words, cwd=folder, home=home)
    assert done.returncode == 2 and done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert says in line
