"""What a submission may import: the model's class, the data of the instance at hand, and the four evaluation functions.

    from assignment import *
    for inputs, targets in data_loader: ...          # float32 (128, 128) and (128, 10), on `device`

The grader puts the data in before it imports a submission. Nothing is computed when this module is imported, because
a process that has computed with PyTorch can't be forked safely.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import nn
from torch.utils.data import TensorDataset

from grader import formulas
from grader.formulas import HIDDEN_UNITS, INPUTS, OUTPUTS, compute_error, get_sparsity

__all__ = [
    "MLP",
    "compute_error",
    "data_loader",
    "device",
    "get_sparsity",
    "points",
    "score",
    "train_loader",
    "validation_loader",
]

device = torch.device("cpu")  # where prune(model) gets its model; set by the grader

_datasets: dict[str, TensorDataset] = {}  # "train" and "validation", once installed
_put_in: Callable[[], None] | None = None  # in a student's own Python: puts the data in once they are needed
_scoring: dict[str, float] = {}  # the rubric's numbers; the assignment's own where it is empty


class MLP(nn.Module):
    """The model that is pruned: flatten, Linear(128, 1024), Sigmoid, Linear(1024, 10); 142,346 parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(INPUTS, HIDDEN_UNITS), nn.Sigmoid(), nn.Linear(HIDDEN_UNITS, OUTPUTS))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(n, ...) with 128 values per sample, in any arrangement such as (n, 8, 16) -> (n, 10)."""
        outputs: torch.Tensor = self.layers(x.flatten(1))
        return outputs

    def loss(self, input: torch.Tensor, target: torch.Tensor, reduction: str = "mean") -> torch.Tensor:
        """Squared error between outputs and targets, both (n, 10); ``reduction`` as in torch: mean, sum or none."""
        return nn.functional.mse_loss(input, target, reduction=reduction)


class Loader:
    """A split in batches, like torch's DataLoader but slicing whole batches, which is many times faster.

    Each iteration yields (inputs (b, 128), targets (b, 10)), float32 copies on ``device``; the last batch may be smaller.
    The training loader draws a new order for every epoch from its own seed, so PyTorch's global random state is left
    alone and every run sees the same orders. ``loader.dataset`` is a TensorDataset that torch's DataLoader takes.
    """

    drop_last = False

    def __init__(self, split: str, batch_size: int, shuffle: bool) -> None:
        self.batch_size = _checked_batch_size(batch_size)
        self._split = split
        self._generator = torch.Generator().manual_seed(0) if shuffle else None

    @property
    def dataset(self) -> TensorDataset:
        """The whole split. Raises RuntimeError where no data was installed."""
        if self._split not in _datasets and _put_in:
            _put_in()
        if self._split not in _datasets:
            raise RuntimeError(
                "assignment has no data here: it is served while the grader runs a submission, so use `grade.py check PATH`"
            )
        return _datasets[self._split]

    def __len__(self) -> int:
        """Number of batches."""
        return math.ceil(len(self.dataset) / self.batch_size)

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        inputs, targets = self.dataset.tensors
        if self._generator is None:
            for start in range(0, len(inputs), self.batch_size):
                rows = slice(start, start + self.batch_size)
                yield inputs[rows].clone(), targets[rows].clone()  # a batch may be changed in place, the data not
        else:
            order = torch.randperm(len(inputs), generator=self._generator)
            for start in range(0, len(inputs), self.batch_size):
                chosen = order[start : start + self.batch_size]
                yield inputs[chosen], targets[chosen]


def train_loader(batch_size: int = 128) -> Loader:
    """The training samples (16,000 of the built-in task), in another order every epoch."""
    return Loader("train", batch_size, shuffle=True)


def validation_loader(batch_size: int = 128) -> Loader:
    """The public validation samples (4,000), in fixed order: what a student's self-check is scored on."""
    return Loader("validation", batch_size, shuffle=False)


def score(
    mse_loss: ArrayLike, sparsity: ArrayLike, mse_weight: float | None = None, sparsity_weight: float | None = None
) -> float | NDArray[np.float64]:
    """(1 - mse/1000)^1.5 * sparsity^1.5, in [0, 1]; cap and exponents are the rubric's unless given. Takes arrays too."""
    return formulas.score(
        mse_loss,
        sparsity,
        _scoring.get("mse_exponent", 1.5) if mse_weight is None else mse_weight,
        _scoring.get("sparsity_exponent", 1.5) if sparsity_weight is None else sparsity_weight,
        mse_cap=_scoring.get("mse_cap", 1000.0),
    )


def points(score_value: ArrayLike) -> float | NDArray[np.float64]:
    """A score as points: clipped to [0.085, 0.95] and scaled to 0..1.5, or as the rubric has it. Takes arrays too."""
    return formulas.points(
        score_value,
        lower=_scoring.get("lower", 0.085),
        upper=_scoring.get("upper", 0.95),
        maximum=_scoring.get("max", 1.5),
    )


def _checked_batch_size(batch_size: Any) -> int:
    try:
        size = operator.index(batch_size)
    except TypeError:
        raise TypeError(f"batch_size is {batch_size!r}, expected a whole number") from None
    if isinstance(batch_size, bool) or size < 1:
        raise ValueError(f"batch_size is {batch_size!r}, expected a whole number of at least 1")
    return size


def _install(
    train_x: NDArray[np.float32],
    train_y: NDArray[np.float32],
    val_x: NDArray[np.float32],
    val_y: NDArray[np.float32],
    device: torch.device,
    scoring: Mapping[str, float],
) -> None:
    """Put the data of an instance in. On a CPU the tensors share memory with the arrays, which must be writable.

    ``scoring`` may have mse_cap, mse_exponent, sparsity_exponent, lower, upper and max, named as in the rubric.
    """
    for split, arrays in (("train", (train_x, train_y)), ("validation", (val_x, val_y))):
        _datasets[split] = TensorDataset(*(torch.from_numpy(array).to(device) for array in arrays))
    _scoring.clear()
    _scoring.update(scoring)
    globals()["device"] = device


# The tutorial's name for the training loader. It finds its data when it is used, so importing it needs none.
data_loader = train_loader()
