"""Turns weights into measurements: sparsity on the bits, error in float64 on a device, whatever the weights say."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from grader.errors import GraderError, UsageError
from grader.formulas import OUTPUTS, PARAMETER_COUNT, PARAMETER_SHAPES
from grader.records import LayerCount, Measurement
from grader.weights import Weights

CHUNK = 512  # samples: the fastest on a CPU, and part of the fixed order of summation


@dataclass(frozen=True, slots=True)
class Samples:
    """A split on the device, in float64."""

    inputs: torch.Tensor  # (n, 128)
    targets: torch.Tensor  # (n, 10)


class Evaluator:
    """Owns the device. One evaluator may serve several threads: it changes nothing after its construction."""

    def __init__(self, device: str = "auto") -> None:
        """``device``: auto (CUDA where there is one), cpu, cuda or cuda:N.

        Raises UsageError where this machine has no such device, GraderError where it has one that fails.
        """
        self.device = find_device(device)
        try:
            torch.zeros(1, device=self.device)
        except (RuntimeError, AssertionError) as error:
            raise GraderError(f"the device {str(self.device)!r} can't be used: {str(error).splitlines()[0]}") from None

    @property
    def name(self) -> str:
        return torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else "cpu"

    def upload(self, inputs: NDArray[np.float32], targets: NDArray[np.float32]) -> Samples:
        to_device = {"device": self.device, "dtype": torch.float64}
        return Samples(torch.tensor(inputs, **to_device), torch.tensor(targets, **to_device))  # type: ignore[arg-type]

    def measure(self, weights: Weights, samples: Samples) -> Measurement:
        """Zeros per layer and squared error per output of the fixed model with these weights."""
        layers = {name: LayerCount(_zeros(weights[name]), weights[name].size) for name in PARAMETER_SHAPES}
        per_output = self._squared_error(weights, samples) / len(samples.inputs)
        digest = hashlib.sha256(b"".join(weights[name].tobytes() for name in PARAMETER_SHAPES)).hexdigest()
        return Measurement(
            zeros=sum(layer.zeros for layer in layers.values()),
            parameters=PARAMETER_COUNT,
            layers=layers,
            mse=float(per_output.mean()),
            mse_per_output=tuple(per_output.tolist()),
            weights_sha256=digest,
        )

    def _squared_error(self, weights: Weights, samples: Samples) -> NDArray[np.float64]:
        """Sum over the samples of the squared error of each output, shape (10,)."""
        alive = (weights["layers.2.weight"] != 0).any(axis=0)  # a unit that no output reads changes nothing

        def on_device(values: NDArray[np.float32]) -> torch.Tensor:
            return torch.tensor(np.ascontiguousarray(values), device=self.device, dtype=torch.float64)

        first = on_device(weights["layers.0.weight"][alive]).T
        first_bias = on_device(weights["layers.0.bias"][alive])
        second = on_device(weights["layers.2.weight"][:, alive]).T
        second_bias = on_device(weights["layers.2.bias"])
        total = torch.zeros(OUTPUTS, device=self.device, dtype=torch.float64)
        with torch.no_grad():
            for inputs, targets in zip(torch.split(samples.inputs, CHUNK), torch.split(samples.targets, CHUNK), strict=True):
                hidden = torch.sigmoid(torch.addmm(first_bias, inputs, first))
                total += (torch.addmm(second_bias, hidden, second) - targets).square_().sum(dim=0)
        return np.asarray(total.cpu().numpy())


def find_device(name: str) -> torch.device:
    """The device that ``auto``, ``cpu``, ``cuda`` or ``cuda:N`` means here. Raises UsageError where there is none."""
    if not re.fullmatch(r"auto|cpu|cuda(:\d{1,3})?", name):
        raise UsageError(f"the device is {name!r}, expected auto, cpu, cuda or cuda:N")
    there = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name.startswith("cuda") and int(name.partition(":")[2] or 0) >= there:
        raise UsageError(f"the device is {name!r}, but torch {torch.__version__} finds {there} CUDA devices here")
    return torch.device("cuda" if there and name == "auto" else "cpu" if name == "auto" else name)


def _zeros(values: NDArray[np.float32]) -> int:
    """Zeros by their bits: -0.0 is one, a denormal is not, whatever the processor's float flags are."""
    bits = np.ascontiguousarray(values).view(np.uint32)
    return int(np.count_nonzero((bits & 0x7FFFFFFF) == 0))
