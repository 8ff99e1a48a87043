"""Many settings of one method: what is asked for, what is refused, and that each setting is run once and kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import rubric_file, run_program

from grader.cli.ladder import settings_of
from grader.errors import UsageError
from grader.report.schema import SettingReport, Sweep
from grader.report.sweep import best_of, label

METHOD = """
def prune(model, share=0.5, power=1.0):
    if share > 1:
        raise ValueError("share is above 1")
    weights = model.layers[0].weight.data
    weights[weights.abs() < weights.abs().flatten().kthvalue(int(share**power * weights.numel())).values] = 0
    return model
"""


def test_grids_are_combined_and_points_added_each_setting_once() -> None:
    found = settings_of(["eps=0.01,1e-3", "epochs=30,100"], ["eps=0.5,gamma=0.1,epochs=7", "eps=0.01,epochs=30"])
    assert found == [
        {"eps": 0.01, "epochs": 30},
        {"eps": 0.01, "epochs": 100},
        {"eps": 0.001, "epochs": 30},
        {"eps": 0.001, "epochs": 100},
        {"eps": 0.5, "gamma": 0.1, "epochs": 7},
    ]
    assert isinstance(found[0]["epochs"], int)
    assert label(found[4]) == "eps=0.5,gamma=0.1,epochs=7"


@pytest.mark.parametrize(
    ("grids", "points", "says"),
    [
        ([], [], "no settings to try: expected --grid NAME=V,V... or --point"),
        (["eps=0.1,x"], [], "--grid eps=0.1,x: 'x' is not a number"),
        (["eps=0.1,"], [], "'' is not a number"),
        (["eps=nan"], [], "'nan' is not a finite number"),
        (["eps="], [], "eps has no values, expected at least one number"),
        (["eps"], [], "expected NAME=V,V... with a parameter's name before the '=', found 'eps'"),
        (["2x=1"], [], "expected NAME=V,V..."),
        (["eps=1", "eps=2"], [], "eps has a grid already; name all of its values in one"),
        ([], ["eps=1,2"], "--point eps=1,2: expected NAME=V,NAME=V..."),
        ([], ["eps=1,eps=2"], "eps stands in it twice"),
        (
            ["a=" + ",".join(map(str, range(40))), "b=" + ",".join(map(str, range(40)))],
            [],
            "1,600 settings: expected at most 1,000",
        ),
    ],
)
def test_what_is_no_setting_is_refused(grids: list[str], points: list[str], says: str) -> None:
    with pytest.raises(UsageError) as refused:
        settings_of(grids, points)
    assert says in str(refused.value)


def row(score: float | None) -> SettingReport:
    verdict = "raised" if score is None else "graded"
    return SettingReport(
        parameters={"a": 1}, verdict=verdict, message="", sparsity=None, mse=None, score=score, points=0.0, seconds=None
    )


def test_the_best_is_the_first_of_the_highest_scores() -> None:
    assert best_of([row(0.1), row(0.5), row(None), row(0.5)]) == 1
    assert best_of([row(None)]) is None


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory, home: Path) -> Path:
    folder = tmp_path_factory.mktemp("swept")
    rubric_file(folder)
    (folder / "method.py").write_text(METHOD)
    words = ["--grid", "share=0.3,0.6,2", "--point", "share=0.6,power=0.5", "--point", "shar=0.5"]
    done = run_program("sweep", "method.py", *words, cwd=folder, home=home)
    assert done.returncode == 0, done.stderr
    (folder / "said").write_text(done.stdout)
    return folder


def test_each_setting_has_its_row_and_its_reason(swept: Path) -> None:
    found = Sweep.model_validate_json((swept / "sweep" / "sweep.json").read_bytes())
    assert [one.verdict for one in found.settings] == ["graded", "graded", "raised", "graded", "no_entry"]
    assert found.settings[0].sparsity == pytest.approx(0.3 * 131072 / 142346, abs=0.001)
    assert found.settings[3].sparsity == pytest.approx(0.6**0.5 * 131072 / 142346, abs=0.001)
    assert "share is above 1" in found.settings[2].message and "has no parameter shar" in found.settings[4].message
    said = (swept / "said").read_text()
    assert "best on public validation data: share=" in said and "has no parameter shar" in said
    page = (swept / "sweep" / "sweep.html").read_text()
    assert page.count('<figure class="chart"') == 5 and "Measured on public validation data" in page


def test_a_second_sweep_runs_only_what_is_new(swept: Path, home: Path) -> None:
    words = ["--point", "share=0.3", "--point", "share=0.4", "--json", "-q"]
    earlier = json.loads((swept / "sweep" / "sweep.json").read_text())["settings"][0]
    done = run_program("sweep", "method.py", *words, cwd=swept, home=home)
    first, second = json.loads(done.stdout)["settings"]
    assert first == earlier  # its time too, so it was not run again
    assert second["verdict"] == "graded"


def test_hidden_data_need_isolation(swept: Path, home: Path) -> None:
    done = run_program("sweep", "method.py", "--grid", "share=0.3", "--hidden", "--isolation", "none", cwd=swept, home=home)
    assert done.returncode == 2 and "hidden data need isolation" in done.stderr
