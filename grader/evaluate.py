"""Turns weights into measurements: sparsity on the bits, error in float64 on the processor, whatever the weights say.

A GPU's evaluator is ``device``, in a process of its own; what is counted here is the same for both.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from threading import BoundedSemaphore

import numpy as np
import torch
from numpy.typing import NDArray

from grader.formulas import OUTPUTS, PARAMETER_COUNT, PARAMETER_SHAPES
from grader.records import LayerCount, Measurement
from grader.weights import Weights

CHUNK = 512  # samples: the fastest on a CPU, and part of the fixed order of summation

# A matrix with a smaller share of weights that are not zero is multiplied as a sparse one. On one core that is the faster way
# below about 0.33 in the first layer and 0.55 in the second, whose ten outputs make a thin dense product; in torch's code for
# processors without AVX2 below 0.15 and 0.22 (``benchmarks/evaluator.py --crossover``). Fixed, on the safe side of both: a choice
# by the clock would not give the same bits each time.
SPARSE_FIRST = 1 / 8
SPARSE_SECOND = 1 / 5
FEW_INPUTS = 3 / 4  # share of the inputs: where no more are read, leaving the others out saves more than copying costs


@dataclass(frozen=True, slots=True)
class Samples:
    """A split in float64; best laid out as ``upload`` does it, one input's values side by side."""

    inputs: torch.Tensor  # (n, 128)
    targets: torch.Tensor  # (n, 10)


@dataclass(frozen=True, slots=True)
class _Network:
    """What is left of a model when all that can't change its outputs is gone; matrices dense or sparse, in float64."""

    read: torch.Tensor | None  # (inputs,) indices of those that ``first`` takes, None for all
    first: torch.Tensor  # (units, inputs)
    first_bias: torch.Tensor  # (units, 1)
    second: torch.Tensor  # (10, units)
    second_bias: torch.Tensor  # (10, 1)

    def __call__(self, inputs: torch.Tensor, room: torch.Tensor) -> torch.Tensor:
        """Outputs (10, n) for inputs (128, n): a row for each unit, as a sparse product adds rows to rows.

        ``room`` (units, at least n) is overwritten: fresh memory for each chunk would cost more than many a product.
        """
        if self.read is not None:
            inputs = inputs.index_select(0, self.read)
        if self.first.is_sparse:
            hidden = torch.addmm(self.first_bias, self.first, inputs)
        else:
            hidden = torch.addmm(self.first_bias, self.first, inputs, out=room[:, : inputs.shape[1]])
        return torch.addmm(self.second_bias, self.second, hidden.sigmoid_())


class Evaluator:
    """One evaluator may serve several threads: it changes nothing after its construction."""

    kind = name = "cpu"
    torch_version = torch.__version__
    remarks: tuple[str, ...] = ()
    backlog = 1  # submissions that may be evaluated while others run

    def __init__(self) -> None:
        torch.set_num_threads(1)  # callers are threads; and a fixed order of summation gives the same bits each time

    def turn(self, workers: int) -> BoundedSemaphore:
        """What a run takes while it is under way, so that no more than ``workers`` are."""
        return BoundedSemaphore(workers)

    def vacates_by(self, vacate: Callable[[], None]) -> None:
        """Nothing: no run has what this one uses."""

    def close(self) -> None:
        """Nothing to do: it holds nothing but memory."""

    def upload(self, inputs: NDArray[np.float32], targets: NDArray[np.float32]) -> Samples:
        """Inputs (n, 128) and targets (n, 10), stored transposed: then a chunk needs no copy."""
        return Samples(_float64(inputs.T).T, _float64(targets.T).T)

    def measure(self, weights: Weights, samples: Samples) -> Measurement:
        """Zeros per layer and squared error per output of the fixed model with these weights."""
        return measurement(weights, self._squared_error(weights, samples) / len(samples.inputs))

    def _squared_error(self, weights: Weights, samples: Samples) -> NDArray[np.float64]:
        """Sum over the samples of the squared error of each output, shape (10,)."""
        network = self._network(weights)
        total = torch.zeros(OUTPUTS, dtype=torch.float64)
        room = torch.empty(len(network.first_bias), CHUNK, dtype=torch.float64)
        with torch.no_grad():
            for inputs, targets in zip(torch.split(samples.inputs, CHUNK), torch.split(samples.targets, CHUNK), strict=True):
                total += (network(inputs.T, room) - targets.T).square_().sum(dim=1)
        return np.asarray(total.numpy())

    def _network(self, weights: Weights) -> _Network:
        """The same function without wasted work: no unit that no output reads or that is constant, no input that no unit reads.

        Apart from rounding: sums are in another order. Everything is finite, so a weight of zero adds zero.
        """
        first, second = weights["layers.0.weight"], weights["layers.2.weight"]
        heard, varies = (second != 0).any(axis=0), (first != 0).any(axis=1)
        constant, living = heard & ~varies, heard & varies
        second_bias = _float64(weights["layers.2.bias"][:, None])
        if constant.any():  # a unit that reads no input is sigmoid(bias) for every sample
            levels = torch.sigmoid(_float64(weights["layers.0.bias"][constant, None]))
            second_bias = torch.addmm(second_bias, _float64(second[:, constant]), levels)
        first, second = first[living], second[:, living]
        read = np.flatnonzero((first != 0).any(axis=0))
        few = len(read) <= FEW_INPUTS * first.shape[1]
        return _Network(
            torch.tensor(read) if few else None,
            _matrix(first[:, read] if few else first, SPARSE_FIRST),
            _float64(weights["layers.0.bias"][living, None]),
            _matrix(second, SPARSE_SECOND),
            second_bias,
        )


def measurement(weights: Weights, per_output: NDArray[np.float64]) -> Measurement:
    """What is counted of the weights, with the mean squared error of each output, shape (10,), wherever it was computed."""
    layers = {name: LayerCount(_zeros(weights[name]), weights[name].size) for name in PARAMETER_SHAPES}
    digest = hashlib.sha256(b"".join(weights[name].tobytes() for name in PARAMETER_SHAPES)).hexdigest()
    return Measurement(
        zeros=sum(layer.zeros for layer in layers.values()),
        parameters=PARAMETER_COUNT,
        layers=layers,
        mse=float(per_output.mean()),
        mse_per_output=tuple(per_output.tolist()),
        weights_sha256=digest,
    )


def _matrix(values: NDArray[np.float32], sparse_below: float) -> torch.Tensor:
    """Sparse where that is faster."""
    matrix = _float64(values)
    return matrix.to_sparse() if np.count_nonzero(values) < sparse_below * values.size else matrix


def _float64(values: NDArray[np.float32]) -> torch.Tensor:
    return torch.tensor(np.ascontiguousarray(values), dtype=torch.float64)


def _zeros(values: NDArray[np.float32]) -> int:
    """Zeros by their bits: -0.0 is one, a denormal is not, whatever the processor's float flags are."""
    bits = np.ascontiguousarray(values).view(np.uint32)
    return int(np.count_nonzero((bits & 0x7FFFFFFF) == 0))
