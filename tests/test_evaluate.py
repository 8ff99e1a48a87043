"""The gate and the evaluator against plain numpy: whatever the weights say, the figures are the formula's."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterator, Mapping

import numpy as np
import pytest
import torch
from conftest import ROOT
from numpy.typing import NDArray

from grader import rubric
from grader.errors import SubmissionError, UsageError
from grader.evaluate import Evaluator, Samples
from grader.formulas import PARAMETER_COUNT, PARAMETER_SHAPES
from grader.records import Graded, Outcome, Upload
from grader.report import build, schema
from grader.weights import admit

RNG = np.random.default_rng(7)
INPUTS = RNG.standard_normal((1100, 128)).astype(np.float32)  # two chunks and a rest
TARGETS = RNG.standard_normal((1100, 10)).astype(np.float32) * 10


@pytest.fixture(scope="module")
def evaluator() -> Evaluator:
    return Evaluator("cpu")


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


def drawn(scale: float = 0.1) -> dict[str, NDArray[np.float32]]:
    return {name: (RNG.standard_normal(shape) * scale).astype(np.float32) for name, shape in PARAMETER_SHAPES.items()}


def with_zeros(arrays: dict[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
    return {name: np.where(RNG.random(values.shape) < 0.9, np.float32(0), values) for name, values in arrays.items()}


def without_units(arrays: dict[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
    arrays["layers.2.weight"][:, :1000] = 0
    return arrays


def nothing_left(arrays: dict[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
    return {name: np.zeros_like(values) for name, values in arrays.items()}


def dense_error(arrays: Mapping[str, NDArray[np.float32]]) -> NDArray[np.float64]:
    """Mean squared error of each output by the plain formula, every unit included."""
    wide = {name: values.astype(np.float64) for name, values in arrays.items()}
    hidden = 1 / (1 + np.exp(-(INPUTS.astype(np.float64) @ wide["layers.0.weight"].T + wide["layers.0.bias"])))
    outputs = hidden @ wide["layers.2.weight"].T + wide["layers.2.bias"]
    return np.asarray(((outputs - TARGETS.astype(np.float64)) ** 2).mean(axis=0))


@pytest.mark.parametrize("change", [dict, with_zeros, without_units, nothing_left])
def test_the_error_is_that_of_the_dense_formula(
    change: Callable[[dict[str, NDArray[np.float32]]], dict[str, NDArray[np.float32]]], evaluator: Evaluator, samples: Samples
) -> None:
    arrays = change(drawn())
    found = evaluator.measure(admit(packed(arrays)), samples)
    np.testing.assert_allclose(found.mse_per_output, dense_error(arrays), rtol=1e-12)
    assert found.mse == pytest.approx(dense_error(arrays).mean(), rel=1e-12)


def test_measuring_twice_gives_the_same_bits(evaluator: Evaluator, samples: Samples) -> None:
    weights = admit(packed(drawn()))
    assert evaluator.measure(weights, samples) == evaluator.measure(weights, samples)


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


@pytest.mark.parametrize("name", ["", "gpu", "CUDA", "cuda:", "cuda:-1", "cuda:0,1", "mps", "meta", "cpu:1", "cuda:1;rm"])
def test_an_unknown_device_is_refused_in_one_short_sentence(name: str) -> None:
    with pytest.raises(UsageError, match="expected auto, cpu, cuda or cuda:N$") as refused:
        Evaluator(name)
    assert len(str(refused.value)) < 100


def test_a_device_that_is_not_there_is_refused() -> None:
    with pytest.raises(UsageError, match=r"'cuda:999', but torch \S+ finds \d+ CUDA devices here$"):
        Evaluator("cuda:999")


def test_auto_takes_what_there_is() -> None:
    assert Evaluator("auto").device.type == ("cuda" if torch.cuda.is_available() else "cpu")
