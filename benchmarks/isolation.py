#!/usr/bin/env python3
"""What isolation adds to one run: ``python benchmarks/isolation.py [--runs N]``.

Both sides fork from an interpreter with torch imported, import the same submission, call its prune on the same model and
hand the same bytes back: one side by the sandbox with every layer of this machine, the other by a bare fork. They take
turns, so that whatever else the machine is doing happens to both. In a batch a child is confined while the one before it
runs; "alone" is without that, as in a student's check.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from figures import environment, table  # noqa: E402

from grader import intake, rubric, task  # noqa: E402
from grader.formulas import PARAMETER_COUNT  # noqa: E402
from grader.handover import PublicData  # noqa: E402
from grader.records import Submission, Upload  # noqa: E402
from grader.sandbox import Sandbox  # noqa: E402

WARM_UP = 10
PAUSE_SECONDS = 0.08
WEIGHTS_BYTES = PARAMETER_COUNT * 4

# The nursery's own preparations and the child's own steps, in the same order, without anything that confines.
BARE = """
import json, os, sys, time
import torch
sys.path.insert(0, {root!r})
from pathlib import Path
from grader.inside import __main__ as nursery, collect, kernel, packages, submission
sys.path.remove({root!r})
job = json.loads(sys.stdin.readline())
assignment = nursery._load_assignment()
packages.prepare(job["packages"])
nursery._rehearse(assignment)
for start in nursery._huge_pages():
    kernel.collapse(start, start + kernel.HUGE_PAGE)
files = {{"prune.py": Path(job["source"]).read_bytes()}}
header = {{"entry": "prune.py", "parameters": {{}}}}
setting = submission.Setting(job["scoring"], tuple(job["packages"]), 1, 0)
submission._send = lambda *record: None
import gc
gc.collect(); gc.freeze()
print("ready", flush=True)
while sys.stdin.readline():
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        folder = Path(job["scratch"], "submission")
        arrays = submission._map(os.dup(job["data"]), job["arrays"])
        submission._settle(folder, files, "prune.py", setting)
        model = submission._serve(assignment, arrays, job["scoring"])
        weights = submission._run(folder, files, header, model, assignment, [])
        pending = memoryview(weights)
        while pending:
            pending = pending[os.write(writing, pending):]
        os._exit(0)
    os.close(writing)
    received = 0
    while block := os.read(reading, 1 << 20):
        received += len(block)
    os.close(reading)
    os.waitpid(child, 0)
    print(received, flush=True)
"""


class BareFork:
    """A process that forks a child for each run and confines nothing."""

    def __init__(self, source: Path, data: PublicData, rules: rubric.Rubric, scratch: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-s", "-P", "-B", "-c", BARE.format(root=str(ROOT))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            pass_fds=(data.fd,),
            env={"PATH": os.environ["PATH"], "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONHASHSEED": "0"},
        )
        job = {
            "source": str(source),
            "arrays": data.arrays,
            "data": data.fd,
            "scoring": {**rules.score.model_dump(), **rules.points.model_dump()},
            "packages": rules.allow.packages,
            "scratch": str(scratch),
        }
        self._ask(json.dumps(job), "ready")

    def run(self) -> None:
        self._ask("go", str(WEIGHTS_BYTES))

    def close(self) -> None:
        self._process.communicate()

    def _ask(self, line: str, expected: str) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline().strip()
        if answer != expected:
            sys.exit(f"the bare fork answered {answer!r}, expected {expected!r}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=200, help="of each side (default: 200)")
    parser.add_argument("--submission", type=Path, default=ROOT / "submissions" / "magnitude.py")
    runs, source = (options := parser.parse_args()).runs, options.submission
    rules = rubric.load(ROOT / "rubric.yaml")
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        data = PublicData.of("public", task.public(rules, home, home).public_arrays())
        submission = intake.read(Upload("one", source.name, str(source), source))
        bare = BareFork(source, data, rules, home)
        sides: dict[str, Callable[[], object]] = {"bare fork": bare.run}
        with ExitStack() as stack:
            for name, standby in (("isolated, in a batch", True), ("isolated, alone", False)):
                sandbox = stack.enter_context(Sandbox(rules, forbidden=(home / "secret",), standby=standby))
                sides[name] = partial(confined, sandbox, submission, data)
            taken = in_turns(sides, runs)
        bare.close()
    rows = [(name, *quartiles(values)) for name, values in taken.items()]
    for name in list(sides)[1:]:
        added = [isolated - plain for plain, isolated in zip(taken["bare fork"], taken[name], strict=True)]
        rows.append((name.replace("isolated", "added by isolation"), *quartiles(added)))
    print(table(("one run", "median, ms", "quartiles, ms"), rows))
    print(f"\n{runs} runs of each in turns; {sandbox.isolation.level}: {', '.join(sandbox.isolation.layers)}\n{environment()}")


def confined(sandbox: Sandbox, submission: Submission, data: PublicData) -> None:
    run = sandbox.run(submission, data)
    if run.weights is None:
        sys.exit(f"the run gave no weights: {run.failure}")


def in_turns(sides: Mapping[str, Callable[[], object]], runs: int) -> dict[str, list[float]]:
    """Milliseconds of each run of each side. The pause lets what a side does ahead end in its own time, not in another's."""
    taken: dict[str, list[float]] = {name: [] for name in sides}
    names = list(sides)
    for number in range(WARM_UP + runs):
        for name in names[number % len(names) :] + names[: number % len(names)]:
            started = time.perf_counter()
            sides[name]()
            if number >= WARM_UP:
                taken[name].append((time.perf_counter() - started) * 1000)
            time.sleep(PAUSE_SECONDS)
    return taken


def quartiles(values: list[float]) -> tuple[str, str]:
    low, middle, high = statistics.quantiles(values, n=4)
    return f"{middle:.1f}", f"{low:.1f} to {high:.1f}"


if __name__ == "__main__":
    main()
