"""The whole program on real submissions: the points that they are worth, and what a student may see of them."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from conftest import ROOT, rubric_file, run_program

SCHEMAS = ROOT / "grader" / "report" / "schemas"
UNPRUNED = "def prune(model):\n    return model\n"


def grade(folder: Path, out: Path, rubric: Path, home: Path) -> dict[str, Any]:
    done = run_program("batch", folder, "-o", out, "--rubric", rubric, "-q", home=home)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads((out / "grades.json").read_text())
    return found


@pytest.mark.long
@pytest.mark.longest
def test_methods_are_worth_what_they_are_worth_on_a_fresh_secret(tmp_path: Path) -> None:
    handed_in = tmp_path / "handed-in"
    handed_in.mkdir()
    for name in ("linear_bridge.py", "random_pruning.py", "magnitude.py"):
        shutil.copy(ROOT / "submissions" / name, handed_in)
    (handed_in / "unpruned.py").write_text(UNPRUNED)
    grades = grade(handed_in, tmp_path / "out", ROOT / "rubric.yaml", tmp_path / "home")
    points = {report["student"]: report["points"] for report in grades["submissions"]}
    assert points["linear_bridge"] == pytest.approx(1.33, abs=0.02)
    assert points["magnitude"] == pytest.approx(0.82, abs=0.05)
    assert points["random_pruning"] == points["unpruned"] == 0
    assert grades["reference"]["points"] == pytest.approx(points["linear_bridge"], abs=0.01)
    assert [len(report["instances"]) for report in grades["submissions"]] == [3] * 4


# A submission that says all it knows of the instance, in every place where it can say something.
BABBLER = """
import hashlib, warnings
import torch
from assignment import train_loader

def canary(model):
    seen = next(iter(train_loader()))[0].numpy().tobytes() + model.layers[0].weight.detach().numpy().tobytes()
    return "canary" + hashlib.sha256(seen).hexdigest()[:12]

def prune(model):
    word = canary(model)
    print(word)
    warnings.warn(word)
    if MODE == "raises":
        raise type(word, (ValueError,), {})(word)
    if MODE == "renames":
        model.layers[0].register_parameter(word, torch.nn.Parameter(torch.zeros(1)))
    if MODE == "keys":
        return {word + ".weight": torch.zeros(1)}
    if MODE == "class":
        return torch.nn.ModuleDict({word: model})
    return model
"""


@pytest.fixture(scope="module")
def babbled(tmp_path_factory: pytest.TempPathFactory, home: Path) -> Path:
    folder = tmp_path_factory.mktemp("babble")
    (folder / "handed-in").mkdir()
    for mode in ("raises", "renames", "keys", "class", "graded"):
        (folder / "handed-in" / f"{mode}.py").write_text(f"MODE = {mode!r}\n{BABBLER}")
    grade(folder / "handed-in", folder / "out", rubric_file(folder, instances={"hidden": 1}), home)
    return folder / "out"


def canaries(out: Path) -> tuple[str, str]:
    """What the babbler says on the public and on the hidden instance, as the instructor's copy has it."""
    (report,) = [
        report for report in json.loads((out / "grades.json").read_text())["submissions"] if report["student"] == "graded"
    ]
    public, hidden = (instance["log"].split()[0] for instance in report["instances"])
    assert public != hidden
    assert public.startswith("canary")
    return public, hidden


def test_a_student_sees_nothing_that_a_submission_said_on_a_hidden_instance(babbled: Path) -> None:
    _, hidden = canaries(babbled)
    shown = [path for path in (babbled / "students").rglob("*") if path.is_file()] + [babbled / "gradebook.csv"]
    assert len(shown) == 11
    for path in shown:
        assert hidden not in path.read_text(), path


def test_a_student_sees_what_the_submission_said_on_the_public_instance(babbled: Path) -> None:
    public, _ = canaries(babbled)
    assert public in (babbled / "students" / "raises" / "report.html").read_text()
    assert public in (babbled / "students" / "graded" / "report.html").read_text()


def test_every_report_follows_its_published_schema(babbled: Path) -> None:
    report_schema, grades_schema = (json.loads((SCHEMAS / f"{name}.schema.json").read_text()) for name in ("report", "grades"))
    jsonschema.validate(json.loads((babbled / "grades.json").read_text()), grades_schema)
    for path in (babbled / "students").glob("*/report.json"):
        jsonschema.validate(json.loads(path.read_text()), report_schema)


def test_neither_the_secret_nor_hidden_data_lie_in_what_comes_out(babbled: Path, home: Path) -> None:
    secret = (home / "secret").read_text().strip()
    for path in babbled.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert secret.encode() not in content
            assert bytes.fromhex(secret) not in content


def test_a_submission_that_prints_patches_and_overrides_changes_no_number(tmp_path: Path, home: Path) -> None:
    handed_in = tmp_path / "handed-in"
    handed_in.mkdir()
    (handed_in / "honest.py").write_text(UNPRUNED)
    (handed_in / "cheat.py").write_text(
        """
import builtins, json, os, sys, torch
import assignment
assignment.points = assignment.score = lambda *a, **k: 1.5
assignment.get_sparsity = lambda model: 1.0
torch.nn.functional.mse_loss = lambda *a, **k: torch.tensor(0.0)
torch.Tensor.__eq__ = lambda *a: torch.tensor(True)
class Always(torch.nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner
    def forward(self, x):
        return x[:, :10]
def prune(model):
    print(json.dumps({"points": 1.5, "verdict": "graded", "score": 1.0}))
    for name in ("results.json", "report.json", "grades.json"):
        open(name, "w").write('{"points": 1.5}')
    torch.set_flush_denormal(True)
    return Always(model)
"""
    )
    grades = grade(handed_in, tmp_path / "out", rubric_file(tmp_path), home)
    cheat, honest = (report["instances"][0] for report in grades["submissions"])
    same = ("sparsity", "mse", "score", "points", "zeros", "layers", "mse_per_output", "weights_sha256")
    assert [cheat[field] for field in same] == [honest[field] for field in same]
    assert math.isfinite(honest["mse"])
