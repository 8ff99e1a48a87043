#!/usr/bin/env python3
"""What a GPU does for grading: ``python benchmarks/gpu.py [--device cuda:N] [--submissions N] [--rounds N]``.

Prints: the evaluator's time a model for 20,000 samples, by how many models are stacked and how many samples are taken at a
time, beside the processor's; what share of this GPU's own measured peak in float64 and of its measured memory bandwidth that
is; what it costs a run to start CUDA; hidden-model training; and a batch of quick submissions that run on the GPU or on the
processor. Rates are measured in the same process, one after the other, in turns.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

# As the evaluator's own process has them, and before torch is imported.
os.environ.update(CUBLAS_WORKSPACE_CONFIG=":4096:8", CUDA_DEVICE_ORDER="PCI_BUS_ID", NVIDIA_TF32_OVERRIDE="0")
import torch

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from figures import environment, table  # noqa: E402

from grader import batch, cards, device, generator, opening, stacked, task  # noqa: E402
from grader.evaluate import Evaluator  # noqa: E402
from grader.formulas import HIDDEN_UNITS, INPUTS, OUTPUTS, PARAMETER_COUNT, PARAMETER_SHAPES  # noqa: E402
from grader.records import Upload  # noqa: E402
from grader.rubric import AllowSection, InstancesSection, Rubric  # noqa: E402

SAMPLES, SEED = 20_000, 99
OPERATIONS = 2 * SAMPLES * HIDDEN_UNITS * (INPUTS + OUTPUTS)  # of the two products, a model
# Of hidden units alone: written by the first product, read and written by the sigmoid, read by the second product.
BYTES = 4 * 8 * SAMPLES * HIDDEN_UNITS
SHAPES = [(1, 4096), (1, 20_000), (8, 512), (16, 256), (16, 512), (16, 1024), (16, 2048), (32, 512), (64, 512)]
QUICK = "def prune(model):\n    for p in model.parameters():\n        p.data[p.abs() <= p.abs().quantile({rate})] = 0\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda", help="cuda or cuda:N (default: cuda)")
    parser.add_argument("--submissions", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    card, *_ = device.find(options.device) or sys.exit("no GPU is named, expected cuda or cuda:N")
    torch.cuda.set_device(card.place)
    here = torch.device("cuda", card.place)
    stacked.exact_arithmetic()
    peak, bandwidth = flops(here), bytes_a_second(here)
    about = f"{card.name}, {card.memory_bytes / 2**30:.0f} GiB, driver {cards.driver().get('driver')}"
    rates = [("float64 products", f"{peak / 1e12:.1f} TFLOP/s"), ("copies, both ways", f"{bandwidth / 1e12:.2f} TB/s")]
    print(table(("this GPU, measured", about), rates))
    print("\n" + evaluation(here, options.rounds, peak, bandwidth))
    print("\n" + starting(options.device, options.rounds))
    print("\n" + batches(options.device, options.submissions))
    print(f"\n{environment()}")


def flops(here: torch.device, size: int = 8192) -> float:
    left, right = (torch.randn(size, size, device=here, dtype=torch.float64) for _ in range(2))
    return 2 * size**3 / seconds_on(lambda: left @ right, 5)


def bytes_a_second(here: torch.device, size: int = 1 << 30) -> float:
    source, target = (torch.ones(size // 8, device=here, dtype=torch.float64) for _ in range(2))
    return 2 * size / seconds_on(lambda: target.copy_(source), 10)


def seconds_on(work: Callable[[], object], rounds: int) -> float:
    """Median by the GPU's own clock."""
    work()
    found = []
    for _ in range(rounds):
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        work()
        end.record()
        torch.cuda.synchronize()
        found.append(begin.elapsed_time(end) / 1000)
    return statistics.median(found)


def evaluation(here: torch.device, rounds: int, peak: float, bandwidth: float) -> str:
    inputs, targets = generator.draw_split(generator.draw_function(task.SHIPPED_SEED), SAMPLES, SEED)
    models = models_of(64)
    processor = Evaluator()
    split, own = stacked.Samples(inputs, targets, here), processor.upload(inputs, targets)
    named = {name: np.ascontiguousarray(part) for name, part in zip(PARAMETER_SHAPES, pieces(models[0]), strict=True)}
    plain = min(timed(lambda: processor.measure(named, own)) for _ in range(3))
    expected = np.array(processor.measure(named, own).mse_per_output) * SAMPLES
    rows = [("processor, one core", "", f"{1000 * plain:.1f}", "", "", "")]
    for stack, chunk in SHAPES:
        shape = {"stack": stack, "chunk": chunk}
        evaluate = partial(stacked.Stack(here, **shape).squared_error, samples=split)
        evaluate(models)  # kernels are chosen and loaded
        taken = statistics.median(timed(partial(evaluate, models)) for _ in range(rounds))
        each = taken / len(models)
        difference = np.max(np.abs(evaluate(models[:1])[0] / expected - 1))
        is_used = " (used)" if (stack, chunk) == (stacked.STACK, stacked.CHUNK) else ""
        share = f"{OPERATIONS / each / peak:.0%}", f"{BYTES / each / bandwidth:.0%}"
        rows.append(
            (f"{stack} models, {chunk} samples{is_used}", f"{len(models)}", f"{1000 * each:.3f}", *share, f"{difference:.0e}")
        )
    return table(("evaluation at a time", "models", "ms a model", "of peak", "of bandwidth", "difference"), rows)


def models_of(count: int) -> np.ndarray:
    """Random weights of the model's size: (count, 142346)."""
    return (np.random.default_rng(1).standard_normal((count, PARAMETER_COUNT)) * 0.1).astype(np.float32)


def pieces(model: np.ndarray) -> list[np.ndarray]:
    ends = np.cumsum([int(np.prod(shape)) for shape in PARAMETER_SHAPES.values()])
    return [part.reshape(shape) for part, shape in zip(np.split(model, ends[:-1]), PARAMETER_SHAPES.values(), strict=True)]


def timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    if torch.cuda.is_initialized():
        torch.cuda.synchronize()
    return time.perf_counter() - started


def starting(name: str, rounds: int) -> str:
    """A confined child from asking for it until it waits for a submission, with and without CUDA; and training."""
    from grader.sandbox import Sandbox

    found = device.find(name)
    taken: dict[str, list[float]] = {"without a GPU": [], "with CUDA started": []}
    with Sandbox(Rubric(), forbidden=()) as without, Sandbox(Rubric(), forbidden=(), cards=found[:1]) as with_it:
        for _ in range(rounds):
            for name, sandbox in zip(taken, (without, with_it), strict=True):
                started = time.perf_counter()
                sandbox._prepared().close()
                taken[name].append(time.perf_counter() - started)
    inputs, targets = generator.draw_split(
        generator.draw_function(task.SHIPPED_SEED), generator.TRAIN_SAMPLES, task.SHIPPED_SEED, generator.TRAIN
    )
    trained = {
        label: timed(partial(generator.train_model, task.SHIPPED_SEED, inputs, targets, device=name))
        for label, name in (("the processor", "cpu"), ("the GPU", "cuda"), ("the GPU again", "cuda"))
    }
    rows = [(f"a child is confined, {name}", f"{1000 * statistics.median(times):.0f} ms") for name, times in taken.items()]
    rows += [(f"a hidden model is trained on {name}", f"{seconds:.2f} s") for name, seconds in trained.items()]
    return table(("starting", ""), rows)


def batches(name: str, count: int) -> str:
    """The same quick submissions, run on the processor or on the GPU, evaluated on either."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        uploads = []
        for place in range(count):
            path = Path(folder, f"s{place}.py")
            path.write_text(QUICK.format(rate=0.5 + 0.45 * place / count))
            uploads.append(Upload(path.stem, path.name, str(path), path))
        rules = Rubric(instances=InstancesSection(hidden=0))
        instances = task.load(rules, ROOT, Path(folder, "home")).instances
        kinds = {"processor, processor": ("cpu", False), "processor, GPU": (name, False), "GPU, GPU in turns": (name, True)}
        for label, (where, gpu) in kinds.items():
            own = rules.model_copy(update={"allow": AllowSection(gpu=gpu)})
            with opening.open_bench(own, instances, isolation="strict", device=where, forbidden=()) as bench:
                for workers in (1, 4):
                    started = time.perf_counter()
                    done = list(batch.grade_all(uploads, bench, workers=workers, fresh=True))
                    seconds = time.perf_counter() - started
                    failed = sum(one.verdict != "graded" for one in done)
                    rows.append((label, workers, f"{1000 * seconds / count:.0f}", failed))
    return table(("runs, evaluation", "workers", "ms a submission", "not graded"), rows)


if __name__ == "__main__":
    main()
