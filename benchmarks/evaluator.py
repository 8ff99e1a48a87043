#!/usr/bin/env python3
"""What evaluating pruned weights costs: ``python benchmarks/evaluator.py [--rounds N] [--layouts N | --crossover]``.

On one core, 20,000 samples of the public instance's function. A ratio is the time of ``Evaluator.measure``, with all that it
counts and hashes, over that of the plain dense formula for the same weights. The two take turns and each round gives one
ratio, so that whatever else the machine is doing happens to both; time is CPU time of the thread.

``--layouts N`` asks whether it is ever slower: N random layouts of zeros, made to be awkward; exit status 1 if one is.
``--crossover`` shows where a sparse product is the faster one, which the constants in grader/evaluate.py rest on; with
ATEN_CPU_CAPABILITY=default in the environment as on a processor without AVX2.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT)]

from figures import environment, table  # noqa: E402

from grader import generator, task  # noqa: E402
from grader.evaluate import CHUNK, FEW_INPUTS, SPARSE_FIRST, SPARSE_SECOND, Evaluator  # noqa: E402
from grader.formulas import HIDDEN_UNITS, INPUTS, OUTPUTS, PARAMETER_COUNT, PARAMETER_SHAPES  # noqa: E402

Float32 = NDArray[np.float32]
Arrays = dict[str, Float32]
FIRST, FIRST_BIAS, SECOND, SECOND_BIAS = PARAMETER_SHAPES
SAMPLES = 20_000
SEED = 2024  # of these samples, which are nobody's hidden ones, and of what is random here
SLOWER = 1.03  # more than this counts as slower than the plain formula: less is noise


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=25, help="plain formula and evaluator in turns (default: 25)")
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--layouts", type=int, default=0, metavar="N", help="try N awkward layouts instead")
    mode.add_argument("--crossover", action="store_true", help="compare dense with sparse products instead")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.crossover:
        return find_crossover(options.rounds)
    return try_layouts(options.layouts, options.rounds) if options.layouts else compare(options.rounds)


def compare(rounds: int) -> int:
    race, rows = Race(), []
    for name, weights, goal in weights_by_name():
        plain, own, ratios = race.run(weights, rounds)
        low, middle, high = statistics.quantiles(ratios, n=4)
        zeros = sum(np.count_nonzero(values == 0) for values in weights.values()) / PARAMETER_COUNT
        times = f"{statistics.median(plain):.0f}", f"{statistics.median(own):.1f}"
        ratio = f"**{middle:.3f}**", f"{low:.3f} to {high:.3f}"
        rows.append((name, f"{zeros:.3f}", *times, *ratio, goal, f"{race.difference(weights):.0e}"))
    print(table(("weights", "sparsity", "plain, ms", "evaluator, ms", "ratio", "quartiles", "goal", "difference"), rows))
    print(f"\nMedians of {rounds} pairs, {SAMPLES:,} samples, one core. The difference is relative, the largest of an output.")
    print(environment())
    return 0


class Race:
    """The evaluator against the plain dense formula, on the same samples."""

    def __init__(self) -> None:
        inputs, targets = generator.draw_split(generator.draw_function(task.SHIPPED_SEED), SAMPLES, SEED)
        self.evaluator = Evaluator()
        self.samples = self.evaluator.upload(inputs, targets)
        self.inputs, self.targets = float64(inputs), float64(targets)

    def run(self, weights: Arrays, rounds: int) -> tuple[list[float], list[float], list[float]]:
        """CPU milliseconds of the plain formula and of the evaluator, and their ratio, in each round."""
        plain, own = [], []
        for number in range(rounds + 1):
            for measure, taken in ((self.plain, plain), (self.own, own))[:: -1 if number % 2 else 1]:
                taken.append(milliseconds(lambda: measure(weights)))  # noqa: B023 (called at once)
        del plain[0], own[0]  # filled caches
        return plain, own, [mine / theirs for mine, theirs in zip(own, plain, strict=True)]

    def difference(self, weights: Arrays) -> float:
        """Largest relative difference of an output's error."""
        return float(np.max(np.abs(self.own(weights) / self.plain(weights) - 1)))

    def own(self, weights: Arrays) -> NDArray[np.float64]:
        """Mean squared error of each output, shape (10,)."""
        return np.array(self.evaluator.measure(weights, self.samples).mse_per_output)

    def plain(self, weights: Arrays) -> NDArray[np.float64]:
        """The same by the dense formula in float64, with every unit and every zero."""
        first, first_bias, second, second_bias = (float64(weights[name]) for name in PARAMETER_SHAPES)
        total = torch.zeros(OUTPUTS, dtype=torch.float64)
        with torch.no_grad():
            for inputs, targets in zip(self.inputs.split(CHUNK), self.targets.split(CHUNK), strict=True):
                hidden = torch.sigmoid(torch.addmm(first_bias, inputs, first.T))
                total += (torch.addmm(second_bias, hidden, second.T) - targets).square_().sum(dim=0)
        return (total / SAMPLES).numpy()


def float64(values: Float32) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


def milliseconds(work: Callable[[], object]) -> float:
    started = time.thread_time()
    work()
    return (time.thread_time() - started) * 1000


# --- weights ----------------------------------------------------------------------------------------------------------


def weights_by_name() -> Iterator[tuple[str, Arrays, str]]:
    """What the table shows: name, weights, and the ratio that is aimed at."""
    model, draw = dict(task.shipped_model()), np.random.default_rng(SEED)
    goals = {0.95: "0.5", 0.98: "0.2"}
    yield "unpruned", model, f"{SLOWER}"
    for share in (0.5, 0.75, 0.9, 0.95, 0.98, 0.99):
        yield f"global magnitude {share:.0%}", smallest_zeroed(model, share, tuple(model)), goals.get(share, f"{SLOWER}")
    for share in (0.5, 0.75, 0.9, 0.95, 0.98, 0.99):
        by_layer = smallest_zeroed(smallest_zeroed(model, share, (FIRST,)), share, (SECOND,))
        yield f"layer-wise magnitude {share:.0%}", by_layer, goals.get(share, f"{SLOWER}")
    yield "random 95%", {name: masked(values, 0.05, draw) for name, values in model.items()}, f"{SLOWER}"
    yield "structured 60%: 410 units left", with_units(model, draw.permutation(HIDDEN_UNITS)[:410]), f"{SLOWER}"
    yield "linear bridge", linear_bridge(eps=1e-3), f"{SLOWER}"
    yield "linear bridge, eps 0.0001", linear_bridge(eps=1e-4), f"{SLOWER}"


def smallest_zeroed(model: Arrays, share: float, names: tuple[str, ...]) -> Arrays:
    """The share of the named parameters that is smallest in magnitude is zero, by one threshold for all of them."""
    magnitudes = np.concatenate([np.abs(model[name]).ravel() for name in names])
    threshold = np.partition(magnitudes, round(share * len(magnitudes)))[round(share * len(magnitudes))]
    return model | {name: np.where(np.abs(model[name]) < threshold, np.float32(0), model[name]) for name in names}


def masked(values: Float32, density: float, draw: np.random.Generator) -> Float32:
    """Each value stays with the probability ``density``."""
    return np.where(draw.random(values.shape) < density, values, np.float32(0))


def with_units(model: Arrays, units: NDArray[np.int64]) -> Arrays:
    """Only these hidden units have weights."""
    changed = {name: np.zeros_like(values) for name, values in model.items()} | {SECOND_BIAS: model[SECOND_BIAS]}
    for name in (FIRST, FIRST_BIAS):
        changed[name][units] = model[name][units]
    changed[SECOND][:, units] = model[SECOND][:, units]
    return changed


def linear_bridge(eps: float) -> Arrays:
    """The network of reference/linear_bridge.py, its linear model fitted by least squares."""
    function = generator.draw_function(task.SHIPPED_SEED)
    inputs, targets = generator.draw_split(function, generator.TRAIN_SAMPLES, task.SHIPPED_SEED, generator.TRAIN)
    design = np.column_stack([inputs, np.ones(len(inputs))]).astype(np.float64)
    fitted = np.linalg.lstsq(design, targets, rcond=None)[0]
    arrays = {name: np.zeros(shape, np.float32) for name, shape in PARAMETER_SHAPES.items()}
    arrays[FIRST][:INPUTS] = eps * np.eye(INPUTS)
    arrays[SECOND][:, :INPUTS] = fitted[:INPUTS].T * 4 / eps
    arrays[SECOND_BIAS][:] = fitted[INPUTS] - arrays[SECOND].sum(axis=1, dtype=np.float64) / 2
    return arrays


# --- is it ever slower? -----------------------------------------------------------------------------------------------


def try_layouts(count: int, rounds: int) -> int:
    race, draw, found = Race(), np.random.default_rng(SEED), []
    for number in range(count):
        name, weights = list(LAYOUTS.items())[number % len(LAYOUTS)]
        arrays = weights(draw)
        found.append((statistics.median(race.run(arrays, rounds)[2]), name, race.difference(arrays)))
    rows = []
    for name in LAYOUTS:
        ratios = [ratio for ratio, layout, _ in found if layout == name]
        if ratios:
            differences = [difference for _, layout, difference in found if layout == name]
            worst = f"{statistics.median(ratios):.3f}", f"**{max(ratios):.3f}**", f"{max(differences):.0e}"
            rows.append((name, len(ratios), *worst))
    print(table(("layout", "tried", "ratio", "highest ratio", "highest difference"), rows))
    print(f"\nOf each one the median of {rounds} pairs; {environment()}")
    return int(max(ratio for ratio, _, _ in found) > SLOWER)


def dense(draw: np.random.Generator, scale: float = 0.1) -> Arrays:
    return {name: (draw.standard_normal(shape) * scale).astype(np.float32) for name, shape in PARAMETER_SHAPES.items()}


def some_units(draw: np.random.Generator) -> Arrays:
    """Any number of units is left, but rather nearly all than few."""
    return with_units(dense(draw), draw.permutation(HIDDEN_UNITS)[: HIDDEN_UNITS - int(1024 ** draw.random())])


def some_constant(draw: np.random.Generator) -> Arrays:
    arrays = dense(draw)
    arrays[FIRST][draw.permutation(HIDDEN_UNITS)[: int(1024 ** draw.random())]] = 0
    return arrays


def some_inputs(draw: np.random.Generator) -> Arrays:
    arrays = dense(draw)
    arrays[FIRST][:, draw.permutation(INPUTS)[: int(128 ** draw.random())]] = 0
    return arrays


def just_few_inputs(draw: np.random.Generator) -> Arrays:
    arrays = dense(draw)
    arrays[FIRST][:, draw.permutation(INPUTS)[int(FEW_INPUTS * INPUTS) :]] = 0
    return arrays


def random_masks(draw: np.random.Generator) -> Arrays:
    arrays = dense(draw)
    return arrays | {name: masked(arrays[name], 10 ** (-3 * draw.random()), draw) for name in (FIRST, SECOND)}


def just_sparse(draw: np.random.Generator) -> Arrays:
    """Random masks on the sparse side of each layer's limit, where a sparse product gains least."""
    arrays = dense(draw)
    arrays[FIRST] = masked(arrays[FIRST], 0.98 * SPARSE_FIRST, draw)
    arrays[SECOND] = masked(arrays[SECOND], 0.98 * SPARSE_SECOND, draw)
    arrays[SECOND][draw.integers(OUTPUTS, size=HIDDEN_UNITS), np.arange(HIDDEN_UNITS)] = 1  # every unit is heard
    return arrays


def just_dense(draw: np.random.Generator) -> Arrays:
    """Random masks on the dense side of each layer's limit, where zeros gain nothing."""
    arrays = dense(draw)
    return arrays | {
        FIRST: masked(arrays[FIRST], 1.05 * SPARSE_FIRST, draw),
        SECOND: masked(arrays[SECOND], 1.05 * SPARSE_SECOND + 0.1, draw),
    }


def uneven_rows(draw: np.random.Generator) -> Arrays:
    """Some units read all inputs, all others a single one; just sparse in all."""
    arrays, full = dense(draw), int(0.9 * SPARSE_FIRST * HIDDEN_UNITS)
    one = np.arange(INPUTS) == draw.integers(INPUTS, size=(HIDDEN_UNITS, 1))
    one[draw.permutation(HIDDEN_UNITS)[:full]] = True
    return arrays | {FIRST: np.where(one, arrays[FIRST], np.float32(0))}


def uneven_columns(draw: np.random.Generator) -> Arrays:
    """A few inputs are read by all units, all others by a single one."""
    arrays = dense(draw)
    one = np.arange(HIDDEN_UNITS)[:, None] == draw.integers(HIDDEN_UNITS, size=INPUTS)
    one[:, draw.permutation(INPUTS)[: int(0.9 * SPARSE_FIRST * INPUTS)]] = True
    return arrays | {FIRST: np.where(one, arrays[FIRST], np.float32(0))}


def one_input(draw: np.random.Generator) -> Arrays:
    arrays = dense(draw)
    return arrays | {FIRST: np.where(np.arange(INPUTS) == draw.integers(INPUTS), arrays[FIRST], np.float32(0))}


def one_output_each(draw: np.random.Generator) -> Arrays:
    arrays = dense(draw)
    own = np.arange(OUTPUTS)[:, None] == draw.integers(OUTPUTS, size=HIDDEN_UNITS)
    return arrays | {SECOND: np.where(own, arrays[SECOND], np.float32(0))}


def saturated(draw: np.random.Generator) -> Arrays:
    """Sigmoids of large numbers: zeros, ones and denormals."""
    arrays = dense(draw)
    return arrays | {FIRST: masked(arrays[FIRST] * np.float32(600), draw.random(), draw)}


LAYOUTS: dict[str, Callable[[np.random.Generator], Arrays]] = {
    "unpruned": dense,
    "some units gone": some_units,
    "some units constant": some_constant,
    "some inputs unread": some_inputs,
    "just few inputs": just_few_inputs,
    "random masks": random_masks,
    "just sparse": just_sparse,
    "just dense": just_dense,
    "uneven rows": uneven_rows,
    "uneven columns": uneven_columns,
    "one input for all units": one_input,
    "one output for each unit": one_output_each,
    "saturated": saturated,
    "denormal weights": lambda draw: dense(draw, 1e-40),
    "huge weights": lambda draw: dense(draw, 1e37),
}


# --- from which density on is a product sparse? -----------------------------------------------------------------------


def find_crossover(rounds: int) -> int:
    """Prints, for products with matrices of each layer's shape, the time of a sparse one over that of a dense one."""
    draw, rows = np.random.default_rng(SEED), []
    densities = (0.05, 0.1, 0.125, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6)
    for shape in ((1024, INPUTS), (256, INPUTS), (64, INPUTS), (256, 32), (OUTPUTS, 1024), (OUTPUTS, 256), (OUTPUTS, 64)):
        chunks = torch.randn(shape[1], SAMPLES, dtype=torch.float64).split(CHUNK, 1)
        if shape[0] == OUTPUTS:
            chunks = [chunk.contiguous() for chunk in chunks]  # as hidden units are; inputs are views
        matrices = (float64(masked(np.ones(shape, np.float32), density, draw)) for density in densities)
        rows.append((f"{shape[0]} x {shape[1]}", *(f"{sparse_over_dense(matrix, chunks, rounds):.2f}" for matrix in matrices)))
    print(table(("share of weights not zero", *densities), rows))
    print(f"\nTime of a sparse product over that of a dense one, medians of {rounds} pairs, {SAMPLES:,} samples, one core.")
    print(f"The evaluator takes a sparse one below {SPARSE_FIRST:.3f} in the first layer and {SPARSE_SECOND:.3f} in the second.")
    print(environment())
    return 0


def sparse_over_dense(matrix: torch.Tensor, chunks: Sequence[torch.Tensor], rounds: int) -> float:
    bias, sparse = torch.zeros(len(matrix), 1, dtype=torch.float64), matrix.to_sparse()

    def product(left: torch.Tensor) -> None:
        for right in chunks:
            torch.addmm(bias, left, right)

    ratios = [milliseconds(lambda: product(sparse)) / milliseconds(lambda: product(matrix)) for _ in range(rounds + 1)]
    return statistics.median(ratios[1:])


if __name__ == "__main__":
    sys.exit(main())
