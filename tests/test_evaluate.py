"""The gate and the evaluator against plain numpy: whatever the weights say, the figures are the formula's."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest
import torch
from conftest import ROOT
from numpy.typing import NDArray

from grader import rubric
from grader.errors import SubmissionError
from grader.evaluate import Evaluator, Samples
from grader.formulas import PARAMETER_COUNT, PARAMETER_SHAPES
from grader.records import Graded, Outcome, Upload
from grader.report import build, schema
from grader.task import shipped_model
from grader.weights import admit

Arrays = dict[str, NDArray[np.float32]]

RNG = np.random.default_rng(7)
INPUTS = RNG.standard_normal((1100, 128)).astype(np.float32)  # two chunks and a rest
TARGETS = RNG.standard_normal((1100, 10)).astype(np.float32) * 10


@pytest.fixture(scope="module")
def evaluator() -> Evaluator:
    return Evaluator()


@pytest.fixture(scope="module")
def samples(evaluator: Evaluator) -> Samples:
    return evaluator.upload(INPUTS, TARGETS)


@pytest.fixture
def flushed_denormals() -> Iterator[None]:
    if not torch.set_flush_denormal(True):
        pytest.skip("this processor can't flush denormals")
    yield
    torch.set_flush_denormal(False)


def packed(arrays: Mapping[str, NDArray[np.float32]]) -> bytes:
    return b"".join(arrays[name].astype("<f4").tobytes() for name in PARAMETER_SHAPES)


def drawn(scale: float = 0.1) -> Arrays:
    return {name: (RNG.standard_normal(shape) * scale).astype(np.float32) for name, shape in PARAMETER_SHAPES.items()}


def with_zeros(arrays: Arrays) -> Arrays:
    return {name: np.where(RNG.random(values.shape) < 0.9, np.float32(0), values) for name, values in arrays.items()}


def without_units(arrays: Arrays) -> Arrays:
    arrays["layers.2.weight"][:, :1000] = 0
    return arrays


def with_few_inputs(arrays: Arrays) -> Arrays:
    arrays["layers.0.weight"][:, RNG.permutation(128)[:60]] = 0
    return arrays


def with_dead_units(arrays: Arrays) -> Arrays:
    arrays["layers.2.weight"][:, ::3] = 0
    return arrays


def with_constant_units(arrays: Arrays) -> Arrays:
    arrays["layers.0.weight"][::3] = 0
    return arrays


def with_constants_alone(arrays: Arrays) -> Arrays:
    arrays["layers.0.weight"][:] = 0
    return arrays


def with_one_input_each(arrays: Arrays) -> Arrays:
    own = np.arange(128) == RNG.integers(128, size=(1024, 1))
    return arrays | {"layers.0.weight": np.where(own, arrays["layers.0.weight"] * 10, np.float32(0))}


def with_one_weight(arrays: Arrays) -> Arrays:
    """One unit, that reads one input and is read by one output."""
    arrays["layers.0.weight"][1:], arrays["layers.0.weight"][0, 1:] = 0, 0
    arrays["layers.2.weight"][1:], arrays["layers.2.weight"][0, 1:] = 0, 0
    return arrays


def with_unread_outputs(arrays: Arrays) -> Arrays:
    arrays["layers.2.weight"][1::2] = 0
    return arrays


def with_sparse_output_layer(arrays: Arrays) -> Arrays:
    return arrays | {"layers.2.weight": with_zeros(arrays)["layers.2.weight"]}


def with_negative_zeros(arrays: Arrays) -> Arrays:
    return {name: np.where(values == 0, np.float32(-0.0), values) for name, values in with_zeros(arrays).items()}


def with_denormals(arrays: Arrays) -> Arrays:
    """Units that are constant but for rounding, and units that are all but unheard."""
    arrays["layers.0.weight"][:300] *= np.float32(1e-40)
    arrays["layers.2.weight"][:, 200:500] *= np.float32(1e-40)
    return arrays


def huge(arrays: Arrays) -> Arrays:
    return {name: values * np.float32(1e37) for name, values in arrays.items()}


def saturated(arrays: Arrays) -> Arrays:
    return arrays | {"layers.0.weight": with_zeros(arrays)["layers.0.weight"] * np.float32(2000)}


def linear_bridge(arrays: Arrays, eps: float = 1e-4) -> Arrays:
    """As in reference/linear_bridge.py: large output weights, whose constant parts cancel with the bias."""
    linear, arrays = arrays["layers.2.weight"][:, :128] * 30, nothing_left(arrays)
    arrays["layers.0.weight"][:128] = eps * np.eye(128)
    arrays["layers.2.weight"][:, :128] = linear / (eps * 0.25)
    arrays["layers.2.bias"][:] = -arrays["layers.2.weight"].sum(axis=1) / 2
    return arrays


def pruned(share: float, by_layer: bool, arrays: Arrays) -> Arrays:
    """Magnitude pruning of the public instance's model, by one threshold or by one for each weight matrix."""
    model = dict(shipped_model())
    groups = [(name,) for name in model if name.endswith("weight")] if by_layer else [tuple(model)]
    for names in groups:
        threshold = np.quantile(np.concatenate([np.abs(model[name]).ravel() for name in names]), share)
        model |= {name: np.where(np.abs(model[name]) <= threshold, np.float32(0), model[name]) for name in names}
    return model


def nothing_left(arrays: Arrays) -> Arrays:
    return {name: np.zeros_like(values) for name, values in arrays.items()}


KINDS: dict[str, Callable[[Arrays], Arrays]] = {
    "unpruned": dict,
    **{
        change.__name__: change
        for change in (
            with_zeros, without_units, with_few_inputs, with_dead_units, with_constant_units, with_constants_alone,
            with_one_input_each, with_one_weight, with_unread_outputs, with_sparse_output_layer, with_negative_zeros,
            with_denormals, huge, saturated, linear_bridge, nothing_left,
        )
    },
    **{f"global_{share}": partial(pruned, share, False) for share in (0, 0.5, 0.75, 0.9, 0.95, 0.98, 0.99)},
    **{f"layerwise_{share}": partial(pruned, share, True) for share in (0.5, 0.75, 0.9, 0.95, 0.98, 0.99)},
}  # fmt: skip


def dense_error(arrays: Mapping[str, NDArray[np.float32]]) -> NDArray[np.float64]:
    """Mean squared error of each output by the plain formula, every unit included."""
    wide = {name: values.astype(np.float64) for name, values in arrays.items()}
    with np.errstate(over="ignore"):  # exp of a large number is infinite, and the sigmoid 0
        hidden = 1 / (1 + np.exp(-(INPUTS.astype(np.float64) @ wide["layers.0.weight"].T + wide["layers.0.bias"])))
    outputs = hidden @ wide["layers.2.weight"].T + wide["layers.2.bias"]
    return np.asarray(((outputs - TARGETS.astype(np.float64)) ** 2).mean(axis=0))


@pytest.mark.parametrize("kind", KINDS)
def test_the_error_is_that_of_the_dense_formula(kind: str, evaluator: Evaluator, samples: Samples) -> None:
    arrays = KINDS[kind](drawn())
    found = evaluator.measure(admit(packed(arrays)), samples)
    expected = dense_error(arrays)
    np.testing.assert_allclose(found.mse_per_output, expected, rtol=1e-9)
    assert found.mse == pytest.approx(expected.mean(), rel=1e-9)


def test_nothing_is_computed_that_cannot_change_an_output(evaluator: Evaluator) -> None:
    arrays = pruned(0.98, True, {})
    first, second = arrays["layers.0.weight"] != 0, arrays["layers.2.weight"] != 0
    living = first.any(axis=1) & second.any(axis=0)
    network = evaluator._network(arrays)
    assert network.first.shape == (living.sum(), first[living].any(axis=0).sum())
    assert network.first.is_sparse and network.first._nnz() == first[living].sum()
    assert network.second.shape == (10, living.sum())


def test_samples_of_another_layout_give_the_same_error(evaluator: Evaluator, samples: Samples) -> None:
    rows = Samples(samples.inputs.contiguous(), samples.targets.contiguous())
    for arrays in (drawn(), with_zeros(drawn()), with_few_inputs(drawn())):
        weights = admit(packed(arrays))
        np.testing.assert_allclose(
            evaluator.measure(weights, rows).mse_per_output, evaluator.measure(weights, samples).mse_per_output, rtol=1e-12
        )


@pytest.mark.parametrize("kind", ["unpruned", "with_zeros", "with_few_inputs", "with_constant_units", "layerwise_0.98"])
def test_measuring_twice_gives_the_same_bits(kind: str, evaluator: Evaluator, samples: Samples) -> None:
    weights = admit(packed(KINDS[kind](drawn())))
    assert evaluator.measure(weights, samples) == evaluator.measure(weights, samples)


def test_measuring_in_several_threads_gives_the_same_bits(evaluator: Evaluator, samples: Samples) -> None:
    different = [admit(packed(change(drawn()))) for change in (dict, with_zeros, with_few_inputs, linear_bridge)] * 5
    alone = [evaluator.measure(weights, samples) for weights in different]
    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(lambda weights: evaluator.measure(weights, samples), different))
    assert together == alone


def test_zeros_are_counted_layer_by_layer(evaluator: Evaluator, samples: Samples) -> None:
    arrays = drawn()
    arrays["layers.0.bias"][:5] = 0
    arrays["layers.2.weight"][3, :7] = 0
    found = evaluator.measure(admit(packed(arrays)), samples)
    assert {name: layer.zeros for name, layer in found.layers.items()} == dict(zip(PARAMETER_SHAPES, (0, 5, 7, 0), strict=True))
    assert found.zeros == 12
    assert found.parameters == PARAMETER_COUNT == 142_346
    assert found.sparsity == 12 / 142_346


def test_negative_zero_is_zero_and_a_denormal_is_not(evaluator: Evaluator, samples: Samples) -> None:
    arrays = drawn()
    arrays["layers.0.bias"][:3] = -0.0
    arrays["layers.0.bias"][3:6] = np.array([1, 2, 0x80000001], dtype=np.uint32).view(np.float32)
    assert evaluator.measure(admit(packed(arrays)), samples).zeros == 3


@pytest.mark.usefixtures("flushed_denormals")
def test_a_denormal_is_no_zero_where_denormals_are_flushed(evaluator: Evaluator, samples: Samples) -> None:
    arrays = {name: np.full(shape, 1, np.uint32).view(np.float32) for name, shape in PARAMETER_SHAPES.items()}
    assert evaluator.measure(admit(packed(arrays)), samples).zeros == 0


def test_the_digest_is_that_of_the_returned_bytes(evaluator: Evaluator, samples: Samples) -> None:
    data = packed(drawn())
    assert evaluator.measure(admit(data), samples).weights_sha256 == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("size", [0, PARAMETER_COUNT * 4 - 4, PARAMETER_COUNT * 4 + 1, PARAMETER_COUNT * 8])
def test_the_gate_refuses_another_length(size: int) -> None:
    with pytest.raises(SubmissionError, match=f"^{size:,} bytes of weights came back, expected 569,384$"):
        admit(bytes(size))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_the_gate_names_parameter_and_count_of_what_is_not_finite(value: float) -> None:
    arrays = drawn()
    arrays["layers.0.bias"][10:13] = value
    arrays["layers.2.bias"][0] = value
    with pytest.raises(SubmissionError, match=r"\(3 in layers.0.bias, 1 in layers.2.bias\), expected finite") as refused:
        admit(packed(arrays))
    assert refused.value.failure.verdict == "rejected"


def test_a_signalling_nan_is_refused_too() -> None:
    data = bytearray(packed(drawn()))
    data[:4] = (0x7F800001).to_bytes(4, "little")
    with pytest.raises(SubmissionError, match=r"\(1 in layers.0.weight\)"):
        admit(bytes(data))


def test_huge_weights_give_finite_figures_and_valid_json(evaluator: Evaluator, samples: Samples) -> None:
    arrays = {name: np.full(shape, 3e38, np.float32) for name, shape in PARAMETER_SHAPES.items()}
    found = evaluator.measure(admit(packed(arrays)), samples)
    assert all(map(math.isfinite, (found.mse, *found.mse_per_output)))
    rules = rubric.load(ROOT / "rubric.yaml")
    graded = Graded(Upload("s", "s.py", "s.py", ROOT), None, (Outcome("public", found, None),))
    written = json.loads(schema.to_json(build.report(graded, rules, None)), parse_constant=pytest.fail)
    assert written["points"] == 0 and written["mse"] > 1e70
