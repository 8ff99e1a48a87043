"""What the ladder's methods share, against independent computations: zeros stay zero, and fits are the best there are."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import ROOT

from grader.formulas import get_sparsity
from grader.inside import assignment
from grader.inside.assignment import MLP, pruning

LADDER = sorted((ROOT / "reference").glob("*.py"))
REQUIRED = {
    "random", "global_magnitude", "layerwise_magnitude", "saliency", "snip", "grasp", "synflow", "structured_finetuned",
    "global_magnitude_finetuned", "iterative_lamp", "lottery_ticket", "distillation", "optimal_brain_surgeon",
    "optimal_brain_surgeon_finetuned", "linear_bridge", "linear_bridge_selected", "best",
}  # fmt: skip
SAMPLES = 600


@pytest.fixture(autouse=True)
def data() -> Iterator[None]:
    """A small task with a linear function and a little noise in it."""
    before = dict(assignment._datasets), dict(assignment._scoring)
    draw = np.random.default_rng(0)
    slope = draw.standard_normal((128, 10), np.float32)
    splits = []
    for samples in (SAMPLES, 200):
        inputs = draw.standard_normal((samples, 128), np.float32)
        splits += [inputs, inputs @ slope + 0.1 * draw.standard_normal((samples, 10), np.float32) + 3]
    assignment._install(*splits, torch.device("cpu"), {})
    yield
    assignment._datasets.clear(), assignment._datasets.update(before[0])
    assignment._scoring.clear(), assignment._scoring.update(before[1])


@pytest.fixture
def model() -> torch.nn.Module:
    torch.manual_seed(0)
    return MLP()


def outputs(model: torch.nn.Module) -> torch.Tensor:
    with torch.no_grad():
        return model(pruning.training_data(model)[0])


def loss(model: torch.nn.Module) -> float:
    return float(pruning.training_loss(model).detach())


def test_the_lowest_scores_go_and_nothing_else_changes(model: torch.nn.Module) -> None:
    weight = model.get_parameter("layers.2.weight")
    pruned = pruning.prune_smallest(model, {"layers.2.weight": weight.detach().abs()}, 0.9)
    left = pruned.get_parameter("layers.2.weight")
    assert int((left != 0).sum()) == 1024
    threshold = weight.abs().flatten().sort().values[-1024]
    assert torch.equal(left != 0, weight.abs() >= threshold)
    assert torch.equal(pruned.get_parameter("layers.0.weight"), model.get_parameter("layers.0.weight"))
    assert torch.equal(left[left != 0], weight[left != 0])


def test_a_model_of_few_units_is_one_of_few_parameters(model: torch.nn.Module) -> None:
    small = pruning.keep_units(model, [7, 3])
    nonzero = round((1 - get_sparsity(small)) * 142_346)
    assert nonzero == 2 * (128 + 1 + 10) + 10
    assert torch.equal(small.get_parameter("layers.0.weight")[:2], model.get_parameter("layers.0.weight")[[7, 3]])
    assert torch.allclose(outputs(small).mean(dim=0), outputs(model).mean(dim=0), atol=1e-4)


def test_fine_tuning_learns_and_keeps_zeros(model: torch.nn.Module) -> None:
    name = "layers.0.weight"
    pruned = pruning.prune_smallest(model, {name: model.get_parameter(name).detach().abs()}, 0.95)
    before, zero = loss(pruned), [parameter == 0 for parameter in pruned.parameters()]
    tuned = pruning.fine_tune(pruned, 150, 2e-2)
    assert loss(tuned) < before / 3
    for parameter, was_zero in zip(tuned.parameters(), zero, strict=True):
        assert bool((parameter[was_zero] == 0).all())


def test_fine_tuning_after_a_teacher_learns_what_it_says(model: torch.nn.Module) -> None:
    teacher = pruning.refit_output(MLP())
    student = pruning.fine_tune(pruning.keep_units(pruning.untrained(model), range(40)), 60, 2e-2, teacher=teacher)
    said = outputs(teacher)
    assert float((outputs(student) - said).square().mean()) < 0.5 * float((said - said.mean(dim=0)).square().mean())


def test_least_squares_is_numpys(model: torch.nn.Module) -> None:
    inputs, targets = pruning.training_data(model)
    weight, bias = pruning.least_squares(inputs, targets)
    design = np.hstack([inputs.numpy().astype(np.float64), np.ones((SAMPLES, 1))])
    expected = np.linalg.lstsq(design, targets.numpy().astype(np.float64), rcond=None)[0]
    assert np.allclose(weight.numpy(), expected[:-1].T, atol=1e-4)
    assert np.allclose(bias.numpy(), expected[-1], atol=1e-4)


def test_elimination_takes_what_a_refit_misses_least() -> None:
    draw = torch.Generator().manual_seed(1)
    features = torch.randn(400, 6, generator=draw, dtype=torch.float64)
    features[:, 5] = features[:, 0] + 0.01 * torch.randn(400, generator=draw, dtype=torch.float64)
    targets = features[:, :4] @ torch.tensor([[5.0], [3.0], [1.0], [0.1]], dtype=torch.float64)
    order = pruning.elimination_order(features, targets)
    assert order[0] == 4 and set(order) == set(range(6))  # a distractor, then the twin or what matters least
    assert order.index(3) < order.index(2) < order.index(1)
    assert pruning.elimination_order(features, targets, protected=4) in ([4, 5], [5, 4])
    for step in range(1, 5):  # each step is the best single one: checked against all others by refits
        here = [column for column in range(6) if column not in order[:step]]
        errors = {gone: refit_error(features, targets, [c for c in here if c != gone]) for gone in here}
        assert errors[order[step]] <= min(errors.values()) + 1e-9


def refit_error(features: torch.Tensor, targets: torch.Tensor, columns: list[int]) -> float:
    weight, bias = pruning.least_squares(features[:, columns], targets)
    return float((features[:, columns] @ weight.T + bias - targets).square().mean())


def test_eliminated_input_weights_leave_the_number_asked_for(model: torch.nn.Module) -> None:
    few = pruning.eliminate_units(model, 5)
    for count, one in zip((40, 300), pruning.eliminate_input_weights(few, (40, 300)), strict=True):
        first = one.get_parameter("layers.0.weight")
        assert int((first != 0).sum()) == count
        assert bool((first[5:] == 0).all())


def test_surgery_beats_magnitude_at_the_same_number_of_weights(model: torch.nn.Module) -> None:
    few = pruning.eliminate_units(model, 20)
    (surgical,) = pruning.eliminate_input_weights(few, (1280,))
    rows = few.get_parameter("layers.0.weight").detach()[:20].abs()
    magnitude = pruning.keep_units(few, range(20))
    with torch.no_grad():
        magnitude.get_parameter("layers.0.weight")[:20] *= rows >= rows.flatten().sort().values[1280]
    assert loss(surgical) < loss(magnitude)


# --- the ladder's files -----------------------------------------------------------------------------------------------


def test_every_method_of_the_assignment_has_a_rung() -> None:
    assert {path.stem for path in LADDER} >= REQUIRED


@pytest.mark.parametrize("path", LADDER, ids=lambda path: path.stem)
def test_a_method_uses_what_a_student_has_and_names_its_source(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    own = {"assignment", "torch", "numpy"}
    assert {name.partition(".")[0] for name in imported} <= own | {"copy", "math", "typing", "dataclasses"}
    words = ast.get_docstring(tree) or ""
    assert "Source" in words and (re.search(r"\b(19|20)\d\d\b", words) or re.search(r"tutorial|see \w+\.py", words))
