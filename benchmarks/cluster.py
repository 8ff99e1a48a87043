#!/usr/bin/env python3
"""What a Ray cluster costs and gains: ``python benchmarks/cluster.py [--rounds N] [--nodes 1,2,4,8]``.

First table: the same quick submissions, one instance each, by two workers of this machine and by one Ray node of two CPUs on
this machine, in turns, with a ledger each. Bench and cluster are opened once, as for a whole batch; what that took stands in
lines of its own, and is not in the ratio. Second table: submissions that wait 2 s rather than compute, on 1, 2, 4, 8 nodes of
one CPU each, so that a machine with two cores can show the scheduling.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
os.environ["PYTHONPATH"] = str(ROOT)  # the nodes of this machine have no grader installed

from figures import environment, table  # noqa: E402
from ray_nodes import Nodes  # noqa: E402

from grader import batch, cluster, intake, rubric, task  # noqa: E402
from grader.ledger import Ledger  # noqa: E402
from grader.pipeline import Runner, Store  # noqa: E402
from grader.records import Upload  # noqa: E402

WORKERS = 2
QUICK = """
import torch

def prune(model):
    with torch.no_grad():
        for parameter in model.parameters():
            bound = parameter.abs().flatten().kthvalue(int(parameter.numel() * {share})).values
            parameter *= parameter.abs() > bound
    return model
"""
WAITS = "import time\n\nseed = {share}\n\ndef prune(model):\n    time.sleep(2)\n    return model\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7, help="pairs of batches (default: 7)")
    parser.add_argument("--submissions", type=int, default=100, help="in each of those batches (default: 100)")
    parser.add_argument("--nodes", default="1,2,4,8", help="numbers of nodes (default: 1,2,4,8)")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rules = rubric.load(ROOT / "rubric.yaml").model_copy(update={"instances": rubric.InstancesSection(hidden=0)})
        problem = task.load(rules, ROOT, folder / "home")
        overhead(rules, problem.instances, written(folder / "quick", QUICK, asked.submissions), folder, asked.rounds)
        scaling(rules, problem.instances, written(folder / "waits", WAITS, 64), [int(n) for n in asked.nodes.split(",")])
    print(f"\n{environment()}")


def written(folder: Path, source: str, count: int) -> list[Upload]:
    folder.mkdir()
    for number in range(count):
        (folder / f"s{number:03}.py").write_text(source.format(share=0.95 + number / 1e5))
    return intake.find([folder])


def overhead(rules: rubric.Rubric, instances: Sequence[task.Instance], uploads: list[Upload], folder: Path, rounds: int) -> None:
    with Nodes() as nodes, ExitStack() as opened:
        nodes.add(WORKERS)
        runners: dict[str, Runner] = {}
        opening: dict[str, float] = {}
        for way in ("local workers", "Ray"):
            store = opened.enter_context(Ledger(folder / way))
            started = time.monotonic()
            if way == "Ray":
                runners[way] = opened.enter_context(crew_of(nodes, rules, instances, store))
            else:
                runners[way] = opened.enter_context(
                    opening.open_bench(rules, instances, isolation="strict", device="cpu", forbidden=(), store=store)
                )
            opening[way] = time.monotonic() - started
        walls: dict[str, list[float]] = {way: [] for way in runners}
        keepers: dict[str, list[float]] = {way: [] for way in runners}
        for number in range(rounds + 1):
            for way in sorted(runners, reverse=number % 2 == 1):
                wall, keeper = timed(uploads, runners[way], WORKERS)
                if number:  # the first round warms up
                    walls[way].append(wall)
                    keepers[way].append(keeper)
    ratios = [ray / local for ray, local in zip(walls["Ray"], walls["local workers"], strict=True)]
    rows = [
        [
            way,
            f"{opening[way]:.1f}",
            f"{1000 * statistics.median(walls[way]) / len(uploads):.1f}",
            f"{1000 * statistics.median(keepers[way]) / len(uploads):.1f}",
        ]
        for way in runners
    ]
    print(table(["one instance", "opened in, s", "wall time a run, ms", "CPU time of the keeper a run, ms"], rows))
    print(
        f"\nRay takes {statistics.median(ratios):.2f} times as long (quartiles {quartiles(ratios)}); medians of {rounds} "
        f"pairs of batches of {len(uploads)} submissions, {WORKERS} at a time\n"
    )


def crew_of(
    nodes: Nodes, rules: rubric.Rubric, instances: Sequence[task.Instance], store: Store | None = None
) -> AbstractContextManager[cluster.Crew]:
    return cluster.open_crew(
        rules,
        instances,
        address=nodes.address,
        workers=None,
        isolation="strict",
        device="cpu",
        forbidden=(),
        store=store,
        notice=print,
    )


def timed(uploads: list[Upload], runner: Runner, workers: int) -> tuple[float, float]:
    """Wall seconds, and CPU seconds of this process."""
    wall, keeper = time.monotonic(), time.process_time()
    for graded in batch.grade_all(uploads, runner, workers=workers, fresh=True):
        assert all(outcome.measurement for outcome in graded.outcomes), graded.outcomes
    return time.monotonic() - wall, time.process_time() - keeper


def quartiles(values: list[float]) -> str:
    first, _, third = statistics.quantiles(values, n=4)
    return f"{first:.2f} to {third:.2f}"


def scaling(rules: rubric.Rubric, instances: Sequence[task.Instance], uploads: list[Upload], counts: list[int]) -> None:
    rows: list[list[object]] = []
    seconds: dict[int, float] = {}
    with Nodes() as nodes:
        there = 0
        for count in counts:
            for _ in range(count - there):
                nodes.add(1)
            there = count
            started = time.monotonic()
            with crew_of(nodes, rules, instances) as crew:
                assert crew.slots == count
                opening = time.monotonic() - started
                seconds[count], _ = timed(uploads, crew, crew.slots)
            best = 2.0 * len(uploads) / count
            rows.append(
                [
                    count,
                    f"{seconds[count]:.1f}",
                    f"{best:.0f}",
                    f"{best / seconds[count]:.0%}",
                    f"{seconds[counts[0]] * counts[0] / seconds[count]:.2f}",
                    f"{opening:.1f}",
                ]
            )
    head = ["nodes", "seconds", "of waiting alone", "efficiency", "speed-up", "opened in, s"]
    print(table(head, rows))
    print(f"\n{len(uploads)} submissions that wait 2 s each, one at a time on each node")


if __name__ == "__main__":
    main()
