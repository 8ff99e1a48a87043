"""The built-in task: a synthetic regression problem drawn from a seed, and the model trained on it. Pure functions.

One seed gives one *function* (128 inputs, 10 outputs: a linear part plus 20 smooth ridges), any number of splits of it,
and one trained model. By construction the targets' variance is 1000 (the cap of the assignment's error), the best
linear model leaves 91.5, the noise alone 1.5. That is what makes the assignment discriminate: the random pruner gets
nothing, the linear bridge most of the points, a careful iterative pruner all of them.

Everything is drawn by numpy from ``PCG64(SeedSequence([seed, stream, ...]))``, computed in float64 and cast to float32
at the end. **The order of the draws is the format**: a change to it changes every instance, so raise VERSION with it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from grader import signals
from grader.formulas import HIDDEN_UNITS, INPUTS, OUTPUTS, PARAMETER_SHAPES

if TYPE_CHECKING:
    import torch  # takes seconds; where all instances are built already, it is never needed here

VERSION = "1"

Float64 = NDArray[np.float64]
Float32 = NDArray[np.float32]

RELEVANT = 64  # inputs that the function looks at; the other 64 are distractors
GROUPS = 16  # inputs of one group share a factor ...
CORRELATION = 0.4  # ... and correlate this much
RIDGES, BUMPS, RIDGE_INPUTS = 20, 10, 4  # the first ten ridges are bumps, the others steps; each looks at four inputs
TOTAL_VARIANCE, NONLINEAR_VARIANCE, NOISE_VARIANCE = 1000.0, 90.0, 1.5
CALIBRATION_SAMPLES, TRAIN_SAMPLES, VALIDATION_SAMPLES, HIDDEN_SAMPLES = 20_000, 16_000, 4_000, 20_000

# Streams of one seed. A hidden split adds the secret to its key, so that the seed alone can't regenerate it.
FUNCTION, CALIBRATION, MODEL_INIT, TRAIN, VALIDATION, BATCH_ORDER, HIDDEN = 0, 1, 2, 3, 4, 5, 9

EPOCHS, BATCH, PEAK_RATE, WARM_UP, DECAY, BETAS = 30, 256, 2e-2, 0.05, 0.1, (0.9, 0.99)
TARGET_SCALE = 31.6  # about the square root of TOTAL_VARIANCE


def stream(*key: int) -> np.random.Generator:
    """The random stream of a key, the same on every platform."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(key)))


@dataclass(frozen=True, eq=False)
class Function:
    """A calibrated target function.

    Outputs are ``mean + x @ linear + ridges(x) @ ridge_weights``; the ridges' own linear part is already taken out of
    ``linear`` and ``mean``, so no linear model can predict what is left of them.
    """

    input_scale: Float64  # (128,) 0.5 to 2: deliberately not normalised
    group: NDArray[np.int64]  # (128,) 0 to 15
    directions: Float64  # (128, 20), each projection has unit rms
    offsets: Float64  # (20,)
    mean: Float64  # (10,)
    linear: Float64  # (128, 10)
    ridge_weights: Float64  # (20, 10)

    def __call__(self, inputs: Float64) -> Float64:
        """(n, 128) -> (n, 10), without noise."""
        heights = ridges(_product(inputs, self.directions) - self.offsets)
        return self.mean + _product(inputs, self.linear) + _product(heights, self.ridge_weights)


def ridges(distances: Float64) -> Float64:
    """(n, 20) signed distances from each ridge's centre -> (n, 20): ten bumps (two sigmoids each), ten steps (one)."""
    values = np.empty_like(distances)
    values[:, :BUMPS] = 2.0 * np.exp(-(distances[:, :BUMPS] ** 2) / 2.0)
    values[:, BUMPS:] = np.tanh(distances[:, BUMPS:])
    return values


def draw_inputs(draw: np.random.Generator, samples: int, input_scale: Float64, group: NDArray[np.int64]) -> Float64:
    """(samples, 128) correlated inputs: the shared factors are drawn first, then each input's own part."""
    factors = draw.standard_normal((samples, GROUPS))
    own = draw.standard_normal((samples, INPUTS))
    return input_scale * (math.sqrt(1.0 - CORRELATION) * own + math.sqrt(CORRELATION) * factors[:, group])


def draw_function(seed: int) -> Function:
    """The function of a seed, calibrated on 20,000 inputs of its own."""
    draw = stream(seed, FUNCTION)
    input_scale = np.exp(draw.uniform(-math.log(2.0), math.log(2.0), INPUTS))
    group = draw.permutation(INPUTS) % GROUPS
    relevant = np.sort(draw.permutation(INPUTS)[:RELEVANT])
    linear = np.zeros((INPUTS, OUTPUTS))
    linear[relevant] = draw.standard_normal((OUTPUTS, RELEVANT)).T / input_scale[relevant, None]
    directions = np.zeros((INPUTS, RIDGES))
    for ridge in range(RIDGES):
        chosen = draw.choice(relevant, RIDGE_INPUTS, replace=False)
        signs = draw.choice([-1, 1], RIDGE_INPUTS)
        directions[chosen, ridge] = signs * draw.uniform(0.5, 1.0, RIDGE_INPUTS) / input_scale[chosen]
    offsets = draw.normal(0.0, 0.7, RIDGES)
    mixing = draw.standard_normal((OUTPUTS, RIDGES)).T
    mean = draw.normal(0.0, 20.0, OUTPUTS)
    height = np.exp(draw.uniform(-0.3, 0.3, OUTPUTS))
    height /= np.sqrt(np.mean(height**2))

    inputs = draw_inputs(stream(seed, CALIBRATION), CALIBRATION_SAMPLES, input_scale, group)
    directions /= np.sqrt(np.mean(_product(inputs, directions) ** 2, axis=0))
    raw = _product(ridges(_product(inputs, directions) - offsets), mixing)
    slope, intercept = _linear_fit(inputs, raw)
    ridge_gain = math.sqrt(NONLINEAR_VARIANCE) * height / np.std(raw - _product(inputs, slope) - intercept, axis=0)
    linear_variance = TOTAL_VARIANCE - NONLINEAR_VARIANCE - NOISE_VARIANCE
    linear_gain = math.sqrt(linear_variance) * height / np.std(_product(inputs, linear), axis=0)
    return Function(
        input_scale=input_scale,
        group=group,
        directions=directions,
        offsets=offsets,
        mean=mean - ridge_gain * intercept,
        linear=linear * linear_gain - slope * ridge_gain,
        ridge_weights=mixing * ridge_gain,
    )


def _linear_fit(inputs: Float64, targets: Float64) -> tuple[Float64, Float64]:
    """Least-squares slope (128, outputs) and intercept, by normal equations: ten times faster than lstsq, as exact here."""
    design = np.hstack([inputs, np.ones((len(inputs), 1))])
    left, right = _product(design.T, design), _product(design.T, targets)
    with _one_thread() as torch:
        solution: Float64 = torch.linalg.solve(torch.from_numpy(left), torch.from_numpy(right)).numpy()
    return solution[:-1], solution[-1]


def _product(left: Float64, right: Float64) -> Float64:
    """Matrix product on one thread: numpy's own depends in its last bits on how many threads its BLAS was given."""
    with _one_thread() as torch:
        product: Float64 = (torch.from_numpy(left) @ torch.from_numpy(right)).numpy()
    return product


def draw_split(function: Function, samples: int, *key: int) -> tuple[Float32, Float32]:
    """Inputs (samples, 128) and noisy targets (samples, 10) of the stream ``key``; the noise is drawn after the inputs."""
    draw = stream(*key)
    inputs = draw_inputs(draw, samples, function.input_scale, function.group)
    noise = math.sqrt(NOISE_VARIANCE) * draw.standard_normal((samples, OUTPUTS))
    return inputs.astype(np.float32), (function(inputs) + noise).astype(np.float32)


def train_model(
    seed: int,
    inputs: Float32,
    targets: Float32,
    progress: Callable[[float], None] = lambda done: None,
    device: str = "cpu",
) -> dict[str, Float32]:
    """Train the model of a seed on its training split; about 5 s of one core.

    Returns the four parameters by name, in model order. Deterministic on one kind of machine: one thread, own random
    streams. A GPU gives other models than a processor. ``progress`` is called after each epoch with the share that is
    done, 0 to 1.
    """
    with _one_thread() as torch, torch.no_grad():
        return _train(seed, torch.from_numpy(inputs).to(device), torch.from_numpy(targets).to(device), progress)


def _train(seed: int, inputs: torch.Tensor, targets: torch.Tensor, progress: Callable[[float], None]) -> dict[str, Float32]:
    """Adam on the standardised targets, with decoupled weight decay on the two matrices; gradients written out by hand."""
    import torch

    target_mean = targets.mean(dim=0)
    scaled = (targets - target_mean) / TARGET_SCALE
    w1, b1, w2, b2 = parameters = [parameter.to(inputs.device) for parameter in _initial_parameters(seed)]
    optimizer = torch.optim.Adam(parameters, lr=torch.tensor(0.0, device=inputs.device), betas=BETAS, fused=True)
    rate = optimizer.param_groups[0]["lr"]
    order, step = stream(seed, BATCH_ORDER), 0
    steps = EPOCHS * math.ceil(len(inputs) / BATCH)
    for epoch in range(EPOCHS):
        shuffled = torch.from_numpy(order.permutation(len(inputs))).to(inputs.device)
        for start in range(0, len(inputs), BATCH):
            rows = shuffled[start : start + BATCH]
            now = float(np.float32(learning_rate(step, steps)))  # what the tensor holds; reading it back would wait for a GPU
            rate.fill_(now)
            x, y = inputs[rows], scaled[rows]
            hidden = torch.addmm(b1, x, w1.T).sigmoid_()
            slope = torch.addmm(b2, hidden, w2.T).sub_(y).mul_(2.0 / y.numel())  # of the mean squared error, by output
            back = (slope @ w2).mul_(hidden).mul_(1.0 - hidden)
            w1.grad, b1.grad, w2.grad, b2.grad = back.T @ x, back.sum(0), slope.T @ hidden, slope.sum(0)
            optimizer.step()
            for matrix in (w1, w2):
                matrix.mul_(1.0 - now * DECAY)
            step += 1
        progress((epoch + 1) / EPOCHS)
    w2.mul_(TARGET_SCALE)
    b2.mul_(TARGET_SCALE).add_(target_mean)
    return {name: parameter.detach().cpu().numpy() for name, parameter in zip(PARAMETER_SHAPES, parameters, strict=True)}


def _initial_parameters(seed: int) -> list[torch.Tensor]:
    """PyTorch's default initialisation of the two linear layers, from the seed's own stream."""
    import torch

    draw = stream(seed, MODEL_INIT)
    bounds = {"layers.0": 1.0 / math.sqrt(INPUTS), "layers.2": 1.0 / math.sqrt(HIDDEN_UNITS)}
    return [
        torch.from_numpy(draw.uniform(-1.0, 1.0, shape).astype(np.float32) * np.float32(bounds[name.rpartition(".")[0]]))
        for name, shape in PARAMETER_SHAPES.items()
    ]


def learning_rate(step: int, steps: int) -> float:
    """A cosine from the peak down to 0 over all steps, times a linear warm-up over the first 5 % of them."""
    warm_up = min(1.0, (step + 1) / (WARM_UP * steps))
    return PEAK_RATE * warm_up * 0.5 * (1.0 + math.cos(math.pi * step / steps))


@contextmanager
def _one_thread() -> Iterator[ModuleType]:
    """torch on one thread: two sum in another order, and training amplifies the last bit into other weights."""
    with signals.held():
        import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield torch
    finally:
        torch.set_num_threads(before)
