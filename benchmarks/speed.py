#!/usr/bin/env python3
"""The grader against no isolation at all: ``python benchmarks/speed.py [--submissions N] [--rounds N]``.

The floor is one process that imports each submission, prunes and evaluates by the plain dense formula in float64, in chunks of
512 samples: whoever trusts everybody could grade like that. "A process each" starts a fresh interpreter for each submission,
which does the same for that one. The grader runs its whole path, every layer of isolation, ledger and pages included, on the
same submissions (magnitude pruning at 95 %, one instance) with a reference that has been graded before. Both sides' times are
wall time from start to exit, the import of torch included; they take turns, so that whatever else the machine is doing happens
to both.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from figures import environment, table  # noqa: E402

from grader import rubric, task  # noqa: E402

SUBMISSION = '''"""Number {number}."""
import torch


def prune(model):
    magnitudes = torch.cat([p.detach().abs().flatten() for p in model.parameters()])
    threshold = magnitudes.kthvalue(round(0.95 * magnitudes.numel())).values
    with torch.no_grad():
        for p in model.parameters():
            p[p.abs() <= threshold] = 0
    return model
'''

FLOOR = """
import importlib.util, sys
import numpy as np
import torch
from torch import nn

torch.set_num_threads(1)
data = np.load(sys.argv[1])
inputs, targets = (torch.tensor(data[name], dtype=torch.float64) for name in ("inputs", "targets"))

class MLP(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(128, 1024), nn.Sigmoid(), nn.Linear(1024, 10)])
        self.load_state_dict({name: torch.tensor(data[name]) for name in self.state_dict()})

for number, path in enumerate(sys.argv[2:]):
    spec = importlib.util.spec_from_file_location(f"submission{number}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    model = module.prune(MLP())
    w1, b1, w2, b2 = (p.detach().double() for p in model.parameters())
    total = torch.zeros(10, dtype=torch.float64)
    for x, y in zip(inputs.split(512), targets.split(512)):
        total += (torch.addmm(b2, torch.sigmoid(torch.addmm(b1, x, w1.T)), w2.T) - y).square().sum(0)
    zeros = sum(int((p == 0).sum()) for p in model.parameters())
    print(zeros / 142346, float(total.mean() / len(inputs)))
"""


@dataclass(frozen=True, slots=True)
class Place:
    """A folder with everything that both sides need."""

    folder: Path
    submissions: Sequence[Path]

    @classmethod
    def prepare(cls, folder: Path, count: int) -> Place:
        own = yaml.safe_load((ROOT / "rubric.yaml").read_text(encoding="utf-8")) | {"instances": {"hidden": 0}}
        (folder / "rubric.yaml").write_text(yaml.safe_dump(own), encoding="utf-8")
        (instance,) = task.load(rubric.load(folder / "rubric.yaml"), folder, folder / ".prunegrade").instances
        assert instance.hidden
        arrays = {"inputs": instance.hidden.inputs, "targets": instance.hidden.targets, **instance.model}
        np.savez(folder / "data.npz", **arrays)  # type: ignore[arg-type]
        (folder / "in").mkdir()
        paths = [folder / "in" / f"student{number:05d}.py" for number in range(count)]
        for number, path in enumerate(paths):
            path.write_text(SUBMISSION.format(number=number), encoding="utf-8")
        place = cls(folder, paths)
        place.grader(2, "--only", paths[0].stem)  # builds and grades what is the same for every batch
        return place

    def floor(self, paths: Sequence[Path]) -> None:
        _run(sys.executable, "-c", FLOOR, str(self.folder / "data.npz"), *map(str, paths))

    def grader(self, workers: int, *options: str) -> None:
        out, rules = str(self.folder / "out"), str(self.folder / "rubric.yaml")
        arguments = ("-o", out, "--rubric", rules, "--workers", str(workers), "--fresh", "-q", *options)
        _run(sys.executable, str(ROOT / "grade.py"), "batch", str(self.folder / "in"), *arguments)


def _run(*command: str) -> None:
    env = {name: value for name, value in os.environ.items() if name != "PRUNEGRADE_HOME"} | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{command[1:3]}: {done.stderr[-2_000:]}")


def seconds(work: Callable[[], None]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--submissions", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--processes", type=int, default=8, help="fresh processes in each round (default: 8)")
    options = parser.parse_args()
    count = options.submissions
    with tempfile.TemporaryDirectory(prefix="speed-") as name:
        place = Place.prepare(Path(name), count)
        found: dict[str, list[float]] = {"floor": [], "one": [], "two": [], "processes": []}
        for number in range(options.rounds):
            sides: list[tuple[str, Callable[[], None]]] = [
                ("floor", lambda: place.floor(place.submissions)),
                ("one", lambda: place.grader(1)),
                ("two", lambda: place.grader(2)),
                ("processes", lambda: [place.floor([path]) for path in place.submissions[: options.processes]] and None),
            ]
            for side, work in sides[:: -1 if number % 2 else 1]:
                found[side].append(seconds(work))
    each = [total / options.processes * count for total in found["processes"]]
    rows = [
        ("floor: one process, no isolation", *_cells(found["floor"], count, found["floor"]), ""),
        ("grader, one worker", *_cells(found["one"], count, found["floor"]), "at most 1.15"),
        ("grader, two workers", *_cells(found["two"], count, found["floor"]), "at most 0.65"),
        ("a process each", *_cells(each, count, found["floor"]), ""),
        ("a process each, against the grader with one worker", "", "", *_ratio(each, found["one"]), "at least 9"),
    ]
    print(table((f"{count} submissions", "seconds", "ms each", "ratio", "range", "goal"), rows))
    print(f"\nMedians and ranges of {options.rounds} rounds; {environment()}")


def _cells(taken: Sequence[float], count: int, against: Sequence[float]) -> tuple[str, ...]:
    middle = statistics.median(taken)
    return (f"{middle:.1f}", f"{1000 * middle / count:.0f}", *_ratio(taken, against))


def _ratio(taken: Sequence[float], against: Sequence[float]) -> tuple[str, str]:
    ratios = [one / other for one, other in zip(taken, against, strict=True)]
    return f"**{statistics.median(ratios):.2f}**", f"{min(ratios):.2f} to {max(ratios):.2f}"


if __name__ == "__main__":
    main()
