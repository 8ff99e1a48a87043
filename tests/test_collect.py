"""The collector: which returned forms become the four parameters, what it notes, and what it says about the others."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize
from torch.nn.utils import prune as pruning

from grader.formulas import PARAMETER_SHAPES
from grader.inside.assignment import MLP
from grader.inside.collect import RejectedError, collect

FIRST, FIRST_BIAS, SECOND, _ = PARAMETER_SHAPES


@pytest.fixture
def model() -> nn.Module:
    """With one zero, or a note would say that there is none."""
    torch.manual_seed(0)
    model = MLP()
    model.layers[0].weight.data[0, 0] = 0
    return model


def collected(returned: object, given: nn.Module | None = None) -> tuple[dict[str, torch.Tensor], list[str]]:
    tensors, notes = collect(returned, given or MLP())
    return dict(zip(PARAMETER_SHAPES, tensors, strict=True)), notes


def refusal(returned: object) -> str:
    with pytest.raises(RejectedError) as caught:
        collect(returned, MLP())
    return str(caught.value)


def same(found: dict[str, torch.Tensor], model: nn.Module) -> bool:
    return all(torch.equal(found[name], value) for name, value in model.state_dict().items())


# --- what is taken -------------------------------------------------------------------------------------------------


class Wrapper(nn.Module):
    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.net = inner


@pytest.mark.parametrize(
    ("form", "note"),
    [
        (lambda m: m, ""),
        (lambda m: m.state_dict(), "a state_dict"),
        (lambda m: dict(m.named_parameters()), "a state_dict"),
        (lambda m: {f"module.{name}": value for name, value in m.state_dict().items()}, "a state_dict"),
        (Wrapper, "'net'"),
        (torch.jit.script, ""),
        (lambda m: m.double(), "came back as float64, and cast to float32: layers.0.weight, layers.0.bias"),
    ],
    ids=["model", "state_dict", "parameters", "prefixed", "wrapper", "scripted", "double"],
)
@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")
def test_forms_that_hold_the_four_parameters_are_taken(model: nn.Module, form: Callable[[nn.Module], Any], note: str) -> None:
    kept = copy.deepcopy(model)
    found, notes = collected(form(model))
    assert same(found, kept)
    assert [note in text for text in notes] == ([True] if note else [])
    assert all(tensor.dtype == torch.float32 and tensor.is_contiguous() for tensor in found.values())


def test_none_means_the_model_as_it_was_left(model: nn.Module) -> None:
    found, notes = collected(None, model)
    assert same(found, model)
    assert notes == ["prune(model) returned None, so the model that it was given is graded as it was left"]


def test_a_model_without_a_single_zero_is_wondered_at() -> None:
    assert collected(MLP())[1] == [
        "none of the parameters is exactly zero; in a loop, 'p = ...' changes nothing: assign to p.data"
    ]
    assert collected(None)[1][1] == "none of the parameters is exactly zero; was 'return' forgotten?"


def test_masks_count_whether_they_are_removed_or_not(model: nn.Module) -> None:
    for layer in (model.layers[0], model.layers[2]):
        pruning.l1_unstructured(layer, "weight", amount=0.5)
    found, notes = collected(model)
    assert (found[FIRST] == 0).float().mean() == 0.5
    assert notes == [f"masks were still in place, and applied: {FIRST}, {SECOND} (prune.remove makes them permanent)"]
    assert torch.equal(collected(model.state_dict())[0][FIRST], found[FIRST])


def test_a_parametrization_counts_as_the_next_forward_would_use_it(model: nn.Module) -> None:
    class Halved(nn.Module):
        def forward(self, weight: torch.Tensor) -> torch.Tensor:
            return weight / 2

    before = model.get_parameter(FIRST).detach().clone()
    parametrize.register_parametrization(model.layers[0], "weight", Halved())
    found, notes = collected(model)
    assert torch.equal(found[FIRST], before / 2)
    assert notes == [f"parametrizations were still in place, and applied: {FIRST}"]


def test_sparse_tensors_are_made_dense(model: nn.Module) -> None:
    kept = copy.deepcopy(model)
    model.layers[0].weight = nn.Parameter(model.get_parameter(FIRST).detach().to_sparse())
    found, notes = collected(model)
    assert same(found, kept) and "made dense" in notes[0]


# --- what its author should hear of --------------------------------------------------------------------------------


def test_layers_that_are_not_graded_are_named(model: nn.Module) -> None:
    model.layers.append(nn.Dropout(0.1))
    model.layers[1] = nn.ReLU()
    assert collected(model)[1] == [
        "layers.1 came back as ReLU; the fixed model's Sigmoid is what is graded",
        "not part of the fixed model, and not graded: layers.3 (Dropout)",
    ]


def test_a_mask_that_only_the_forward_applies_is_warned_of(model: nn.Module) -> None:
    class MaskedLinear(nn.Linear):
        def forward(self, input: torch.Tensor) -> torch.Tensor:
            return input

    model.layers[0] = MaskedLinear(128, 1024)
    model.layers[0].bias.data.zero_()
    assert collected(model)[1] == [
        "weight and bias alone are graded, so a mask must be multiplied into them: layers.0 (MaskedLinear)"
    ]


# --- what is refused -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("returned", "says"),
    [
        ((MLP(), 0.9), "a tuple of 2 (MLP, float), expected the model; return the model alone"),
        ([torch.zeros(1)], "a list of 1 (Tensor), expected the model; end prune with 'return model'"),
        (0.9, "a float, expected the model"),
        ("pruned.pt", "no file's name"),
        (MLP, "the class MLP, expected the model; return an instance of it"),
        ((x for x in ()), "a generator, expected the model; use 'return', not 'yield'"),
        ({"model": MLP(), "sparsity": 0.9}, "the keys model, sparsity, expected the model; return what is under 'model' alone"),
        ({}, "(none)"),
        (MLP().layers, "0.weight, 0.bias, 2.weight, 2.bias, expected layers.0.weight"),
        (nn.ModuleList([MLP(), MLP()]), "holds 2 models, expected one"),
        (nn.Sigmoid(), "no parameters"),
    ],
    ids=str,
)
def test_other_things_are_refused_with_the_next_step(returned: object, says: str) -> None:
    assert says in refusal(returned)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        (FIRST, None, f"without {FIRST}"),
        (FIRST, np.zeros((1024, 128), np.float32), "as a ndarray, expected a tensor"),
        (FIRST, torch.zeros(128, 1024), "transpose it back"),
        (FIRST, torch.zeros(100, 128), "of shape (100, 128), expected (1024, 128); units that are removed stay"),
        (FIRST_BIAS, torch.zeros(1024, dtype=torch.int8), "as int8, expected float32"),
        (FIRST_BIAS, torch.zeros(1024, dtype=torch.complex64), "as complex64"),
        (FIRST_BIAS, torch.zeros(1024, device="meta"), "meta device"),
        ("layers.3.weight", torch.zeros(1), "with layers.3.weight, expected"),
    ],
)
def test_a_parameter_that_does_not_fit_is_named(name: str, value: object, says: str) -> None:
    assert says in refusal({**MLP().state_dict(), name: value})


def test_a_layer_that_moved_is_told_from_one_that_is_missing(model: nn.Module) -> None:
    model.layers.insert(2, nn.Dropout(0.1))
    moved = refusal(model)
    assert f"without {SECOND}, layers.2.bias, and with layers.3.weight, layers.3.bias instead" in moved
    without_bias = MLP()
    without_bias.layers[0] = nn.Linear(128, 1024, bias=False)
    assert refusal(without_bias).endswith(f"without {FIRST_BIAS}; keep it in the model and set it to zero")


def test_further_parameters_are_refused_because_nobody_would_count_them(model: nn.Module) -> None:
    model.layers[0].mask = nn.Parameter(torch.ones(1))
    assert "further parameters (layers.0.mask)" in refusal(model) and "multiply masks into the weights" in refusal(model)


@pytest.mark.filterwarnings("ignore")  # torch's own, about what it will drop
def test_quantised_weights_are_refused(model: nn.Module) -> None:
    assert "layers.0 quantised, expected floating-point" in refusal(torch.ao.quantization.quantize_dynamic(model))
