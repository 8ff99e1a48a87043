"""The error of many models at a time, for a GPU: float64, and in an order of summation that their number doesn't change."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from grader.formulas import HIDDEN_UNITS, INPUTS, OUTPUTS, PARAMETER_COUNT, PARAMETER_SHAPES

STACK = 16  # models; always as many, so that the same products are computed in the same way for one model as for many
CHUNK = 512  # samples: 64 MiB of hidden units


class Samples:
    """A split on the device: inputs (128, n) and targets (10, n), float64."""

    def __init__(self, inputs: NDArray[np.float32], targets: NDArray[np.float32], device: torch.device) -> None:
        """From inputs (n, 128) and targets (n, 10)."""
        self.inputs = torch.tensor(np.ascontiguousarray(inputs.T), device=device, dtype=torch.float64)
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


@torch.no_grad()
def squared_error(
    models: NDArray[np.float32], samples: Samples, *, stack: int = STACK, chunk: int = CHUNK
) -> NDArray[np.float64]:
    """Sum over the samples of each output's squared error: (k, 10) for models (k, 142346), parameters in model order."""
    if models.shape[1] != PARAMETER_COUNT:
        raise ValueError(f"models of {models.shape[1]} parameters, expected {PARAMETER_COUNT}")
    parts = [_of_stack(models[start : start + stack], samples, stack, chunk) for start in range(0, len(models), stack)]
    return np.concatenate(parts) if parts else np.empty((0, OUTPUTS))


def _of_stack(models: NDArray[np.float32], samples: Samples, stack: int, chunk: int) -> NDArray[np.float64]:
    device = samples.inputs.device
    padded = torch.zeros(stack, PARAMETER_COUNT, device=device, dtype=torch.float64)
    padded[: len(models)] = torch.from_numpy(models).to(device)
    sizes = [int(np.prod(shape)) for shape in PARAMETER_SHAPES.values()]
    first, first_bias, second, second_bias = torch.split(padded, sizes, dim=1)
    first, first_bias = first.reshape(stack * HIDDEN_UNITS, INPUTS), first_bias.reshape(stack * HIDDEN_UNITS, 1)
    second, second_bias = second.reshape(stack, OUTPUTS, HIDDEN_UNITS), second_bias.reshape(stack, OUTPUTS, 1)
    total = torch.zeros(stack, OUTPUTS, device=device, dtype=torch.float64)
    room = torch.empty(stack * HIDDEN_UNITS * chunk, device=device, dtype=torch.float64)
    for inputs, targets in zip(
        torch.split(samples.inputs, chunk, dim=1), torch.split(samples.targets, chunk, dim=1), strict=True
    ):
        count = inputs.shape[1]
        hidden = torch.addmm(first_bias, first, inputs, out=room[: stack * HIDDEN_UNITS * count].view(-1, count)).sigmoid_()
        outputs = torch.baddbmm(second_bias, second, hidden.view(stack, HIDDEN_UNITS, count))
        total += outputs.sub_(targets).square_().sum(dim=2)
    return np.asarray(total[: len(models)].cpu().numpy())
