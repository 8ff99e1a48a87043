"""The assignment's numbers, to the digit, and the traps that would let a model look better than it is."""

import math
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils import prune

from grader.formulas import PARAMETER_COUNT, PARAMETER_SHAPES, compute_error, count_zeros, get_sparsity, points, score
from grader.inside.assignment import MLP

ANY_NUMBER = st.floats(allow_nan=True, allow_infinity=True)
DENORMAL = 1e-45


@pytest.fixture
def model() -> MLP:
    torch.manual_seed(0)
    return MLP()


@pytest.fixture
def flushed_denormals() -> Iterator[None]:
    if not torch.set_flush_denormal(True):
        pytest.skip("this processor can't flush denormals")
    yield
    torch.set_flush_denormal(False)


def samples(n: int = 300) -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(1)
    return torch.randn(n, 128, generator=draw), torch.randn(n, 10, generator=draw)


# The worked values


@pytest.mark.parametrize(
    ("mse", "sparsity", "expected"),
    [(0, 1, 1), (250, 0.9, 0.554569), (100, 0.99, 0.841040), (92.3, 0.990038, 0.851905), (1000, 1, 0), (0, 0, 0)],
)
def test_score_has_the_assignments_worked_values(mse: float, sparsity: float, expected: float) -> None:
    assert score(mse, sparsity) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("value", "expected"), [(0.085, 0), (0.5, 0.719653), (0.95, 1.5), (1, 1.5), (0, 0)])
def test_points_have_the_assignments_worked_values(value: float, expected: float) -> None:
    assert points(value) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("share", "expected"), [(0.9664, 1.5), (0.1933, 0.0)])
def test_full_and_zero_points_lie_where_the_assignment_says(share: float, expected: float) -> None:
    assert points(score(0, share)) == pytest.approx(expected, abs=1e-3)


def test_the_model_has_142346_parameters(model: MLP) -> None:
    assert PARAMETER_COUNT == 142_346
    assert {name: tuple(p.shape) for name, p in model.named_parameters()} == PARAMETER_SHAPES


# Score and points


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_scores_nothing(bad: float) -> None:
    assert score(bad, 1.0) == 0
    assert score(0.0, bad) == 0


def test_nan_is_worth_no_points() -> None:
    assert points(math.nan) == 0


def test_score_and_points_take_arrays() -> None:
    found = score(np.array([0.0, 250.0, math.nan, 2000.0]), np.array([1.0, 0.9, 1.0, 1.0]))
    np.testing.assert_allclose(found, [1, 0.554569, 0, 0], atol=1e-6)
    np.testing.assert_allclose(points(found), [1.5, points(0.5545693), 0, 0], atol=1e-5)
    np.testing.assert_allclose(score(np.array([[0.0], [1000.0]]), np.array([0.0, 1.0])), [[0, 1], [0, 0]])


def test_a_single_number_gives_a_float() -> None:
    assert type(score(1, 1)) is float
    assert type(points(np.float64(0.5))) is float


@given(ANY_NUMBER, ANY_NUMBER)
def test_score_is_bounded_and_never_nan(mse: float, sparsity: float) -> None:
    assert 0 <= score(mse, sparsity) <= 1


@given(ANY_NUMBER)
def test_points_are_bounded_and_never_nan(value: float) -> None:
    assert 0 <= points(value) <= 1.5


@given(st.floats(0, 1100), st.floats(0, 1100), st.floats(0, 1), st.floats(0, 1))
def test_less_error_and_more_zeros_never_cost_points(mse_1: float, mse_2: float, share_1: float, share_2: float) -> None:
    worse = points(score(max(mse_1, mse_2), min(share_1, share_2)))
    assert worse <= points(score(min(mse_1, mse_2), max(share_1, share_2)))


@given(st.floats(-1, 2), st.floats(-1, 2))
def test_points_rise_with_the_score(one: float, other: float) -> None:
    assert points(min(one, other)) <= points(max(one, other))


# Zeros


def test_negative_zero_is_zero_and_a_denormal_is_not() -> None:
    assert count_zeros(torch.tensor([0.0, -0.0, DENORMAL, -DENORMAL, 1.0, math.nan, math.inf])) == 2


@pytest.mark.usefixtures("flushed_denormals")
def test_a_denormal_is_not_zero_even_where_denormals_are_flushed() -> None:
    bits = np.array([0, 1, 0x80000001], np.uint32)  # 0 and the two smallest denormals; as literals they would be flushed
    values = torch.from_numpy(bits.view(np.float32))
    assert int((values == 0).sum()) == 3, "the trap is not set: this comparison should be fooled"
    assert count_zeros(values) == 1


def test_zeros_are_counted_in_views_and_other_dtypes() -> None:
    assert count_zeros(torch.tensor([[0.0, 1.0], [0.0, 2.0]]).T) == 2
    assert count_zeros(torch.zeros(3, dtype=torch.float64)) == 3
    assert count_zeros(torch.tensor(0.0, dtype=torch.bfloat16)) == 1


def test_sparsity_is_the_share_of_zeros(model: MLP) -> None:
    assert get_sparsity(model) == 0
    with torch.no_grad():
        model.layers[2].weight[:, 1:] = 0.0
    assert get_sparsity(model) == 10 * 1023 / 142_346
    nn.init.zeros_(model.layers[2].weight)
    assert get_sparsity(model) == 10_240 / 142_346


def test_an_all_zero_model_has_sparsity_one(model: MLP) -> None:
    for parameter in model.parameters():
        nn.init.zeros_(parameter)
    assert get_sparsity(model) == 1


def test_missing_parameters_do_not_count_as_zeros(model: MLP) -> None:
    model.layers[2].bias = None
    nn.init.zeros_(model.layers[2].weight)
    assert get_sparsity(model) == 10_240 / 142_346


def test_added_zeros_never_raise_the_sparsity_above_what_the_other_parameters_leave(model: MLP) -> None:
    model.register_parameter("weight_of_nothing", nn.Parameter(torch.zeros(1_000_000)))
    assert get_sparsity(model) == 0


def test_parameters_under_other_names_only_lower_the_sparsity(model: MLP) -> None:
    for parameter in model.parameters():
        nn.init.zeros_(parameter)
    model.register_parameter("gain", nn.Parameter(torch.ones(1000)))
    assert get_sparsity(model) == (142_346 - 1000) / 142_346
    model.register_parameter("gain", nn.Parameter(torch.zeros(1000)))
    assert get_sparsity(model) == 1


def test_a_model_without_parameters_is_not_sparse() -> None:
    assert get_sparsity(nn.Sigmoid()) == 0


# Error


def test_error_equals_the_plain_float64_computation(model: MLP) -> None:
    inputs, targets = samples()
    w1, b1, w2, b2 = (p.detach().numpy().astype(np.float64) for p in model.parameters())
    outputs = 1 / (1 + np.exp(-(inputs.numpy().astype(np.float64) @ w1.T + b1))) @ w2.T + b2
    expected = np.mean((outputs - targets.numpy()) ** 2)
    batches = [(inputs[:100], targets[:100]), (inputs[100:], targets[100:])]  # unequal: the mean is over samples, not batches
    assert compute_error(model, batches) == pytest.approx(expected, rel=1e-12)


def test_the_linear_bridge_is_not_lost_to_rounding(model: MLP) -> None:
    """Its second layer undoes a first layer of 1e-4, so float32 sums would show in the error."""
    for parameter in model.parameters():
        nn.init.zeros_(parameter)
    with torch.no_grad():
        model.layers[0].weight[range(128), range(128)] = 1e-4
        model.layers[2].weight[0, :128] = 4e4
        model.layers[2].bias[0] = -128 * 2e4
    inputs, _ = samples()
    targets = torch.zeros(300, 10)
    targets[:, 0] = inputs.sum(1)
    assert compute_error(model, [(inputs, targets)]) < 1e-3


@pytest.mark.parametrize("training", [True, False])
def test_error_leaves_the_model_as_it_was(model: MLP, training: bool) -> None:
    model.train(training)
    model.layers.append(nn.Dropout(0.5))
    model.layers[-1].train(training)
    before = [p.clone() for p in model.parameters()]
    first, second = compute_error(model, [samples()]), compute_error(model, [samples()])
    assert first == second, "dropout was on: the error was not computed in eval mode"
    assert model.training is training
    assert model.layers[-1].training is training
    assert all(p.dtype == torch.float32 and torch.equal(p, q) for p, q in zip(model.parameters(), before, strict=True))
    assert all(p.grad is None for p in model.parameters())


@pytest.mark.parametrize("bad", [math.nan, math.inf, 3e38])
def test_error_is_infinite_where_an_output_is_not_usable(model: MLP, bad: float) -> None:
    with torch.no_grad():
        model.layers[2].bias[3] = bad
    error = compute_error(model, [samples()])
    assert error == math.inf or error > 1e70
    assert score(error, 1.0) == 0


def test_error_without_samples_is_infinite(model: MLP) -> None:
    assert compute_error(model, []) == math.inf


def test_error_of_a_model_that_cannot_be_copied_is_still_computed(model: MLP) -> None:
    expected = compute_error(model, [samples()])
    prune.identity(model.layers[0], "weight")  # leaves a computed weight, which deepcopy refuses
    assert compute_error(model, [samples()]) == pytest.approx(expected, rel=1e-5)
