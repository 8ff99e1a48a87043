"""The error of many models at a time, for a GPU: float64, and in an order of summation that their number doesn't change."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from grader.formulas import HIDDEN_UNITS, INPUTS, OUTPUTS, PARAMETER_COUNT, PARAMETER_SHAPES

STACK = 16  # models; always as many, so that the same products are computed in the same way for one model as for many
CHUNK = 512  # samples: 64 MiB of hidden units
_WIDTH = -(-(INPUTS + 1) // 8) * 8  # inputs, a one for the bias, and zeros up to a length that tensor cores take whole


class Samples:
    """A split on the device: inputs (136, n), the last rows being a one and zeros, and targets (10, n), float64."""

    def __init__(self, inputs: NDArray[np.float32], targets: NDArray[np.float32], device: torch.device) -> None:
        """From inputs (n, 128) and targets (n, 10)."""
        extended = np.zeros((_WIDTH, len(inputs)))
        extended[:INPUTS], extended[INPUTS] = inputs.T, 1.0
        self.inputs = torch.from_numpy(extended).to(device)
        self.targets = torch.tensor(np.ascontiguousarray(targets.T), device=device, dtype=torch.float64)

    def __len__(self) -> int:
        return self.inputs.shape[1]

    def overwrite(self) -> None:
        """With zeros, since nobody promises that memory is wiped before another process gets it."""
        self.inputs.zero_()
        self.targets.zero_()


def exact_arithmetic() -> None:
    """Whatever the machine's defaults are: no TF32, whose ten bits of mantissa would cost a linear bridge every point."""
    torch.set_num_threads(1)
    torch.set_float32_matmul_precision("highest")
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # every element is written before it is read


class Stack:
    """Evaluates up to ``stack`` models at a time on one device, in memory of its own that can be overwritten as well."""

    def __init__(self, device: torch.device, *, stack: int = STACK, chunk: int = CHUNK) -> None:
        self._stack, self._chunk = stack, chunk
        self._models = torch.zeros(stack, PARAMETER_COUNT, device=device, dtype=torch.float64)
        self._first = torch.zeros(stack, HIDDEN_UNITS, _WIDTH, device=device, dtype=torch.float64)
        self._hidden = torch.zeros(stack * HIDDEN_UNITS * chunk, device=device, dtype=torch.float64)
        self._outputs = torch.zeros(stack * OUTPUTS * chunk, device=device, dtype=torch.float64)

    @torch.no_grad()
    def squared_error(self, models: NDArray[np.float32], samples: Samples) -> NDArray[np.float64]:
        """Sum over the samples of each output's squared error: (k, 10) for models (k, 142346), parameters in model order."""
        if models.shape[1] != PARAMETER_COUNT:
            raise ValueError(f"models of {models.shape[1]} parameters, expected {PARAMETER_COUNT}")
        starts = range(0, len(models), self._stack)
        parts = [self._of_one_stack(models[start : start + self._stack], samples) for start in starts]
        return np.concatenate(parts) if parts else np.empty((0, OUTPUTS))

    def _of_one_stack(self, models: NDArray[np.float32], samples: Samples) -> NDArray[np.float64]:
        stack, chunk = self._stack, self._chunk
        self._models.zero_()
        self._models[: len(models)] = torch.from_numpy(models).to(self._models.device)
        sizes = [int(np.prod(shape)) for shape in PARAMETER_SHAPES.values()]
        first, first_bias, second, second_bias = torch.split(self._models, sizes, dim=1)
        # The bias as one weight more: to add it by itself would write and read all hidden units once again.
        self._first[:, :, :INPUTS], self._first[:, :, INPUTS] = first.view(stack, HIDDEN_UNITS, INPUTS), first_bias
        both = self._first.view(stack * HIDDEN_UNITS, _WIDTH)
        second, second_bias = second.reshape(stack, OUTPUTS, HIDDEN_UNITS), second_bias.reshape(stack, OUTPUTS, 1)
        total = torch.zeros(stack, OUTPUTS, device=self._models.device, dtype=torch.float64)
        parts = zip(torch.split(samples.inputs, chunk, dim=1), torch.split(samples.targets, chunk, dim=1), strict=True)
        for inputs, targets in parts:
            count = inputs.shape[1]
            hidden = self._hidden[: stack * HIDDEN_UNITS * count].view(stack * HIDDEN_UNITS, count)
            outputs = self._outputs[: stack * OUTPUTS * count].view(stack, OUTPUTS, count)
            torch.mm(both, inputs, out=hidden).sigmoid_()
            torch.baddbmm(second_bias, second, hidden.view(stack, HIDDEN_UNITS, count), out=outputs)
            total += outputs.sub_(targets).square_().sum(dim=2)
        return np.asarray(total[: len(models)].cpu().numpy())

    def overwrite(self) -> None:
        """What is left of samples and models in it: hidden units of weights that somebody knows tell of the inputs."""
        for room in (self._models, self._first, self._hidden, self._outputs):
            room.zero_()


def fill_with_zeros(device: torch.device, block_bytes: int = 256 << 20) -> int:
    """Overwrite all memory of a GPU that is free, for a process that could not do so at its end. Returns how many bytes."""
    held: list[torch.Tensor] = []
    try:
        while True:
            held.append(torch.zeros(block_bytes, dtype=torch.uint8, device=device))
    except torch.OutOfMemoryError:
        torch.cuda.synchronize(device)
        return len(held) * block_bytes
