#!/usr/bin/env python3
"""A large batch on one machine: ``python benchmarks/scale.py [--submissions N] [--keep FOLDER]``.

Generated submissions (magnitude pruning at many rates, one in fifty fails) are graded on one instance with reports, by one
grader. While it runs, its ledger is read from outside for how many are done, /proc for the keeper's memory and for the CPU time
of all its processes, and a fixed piece of work is timed now and then, which tells how fast the machine is just then: times of
submissions are given in units of it.
Afterwards the batch is marked again under a changed rubric, and opened in headless Chromium.
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import torch
import yaml

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from figures import environment, table  # noqa: E402

QUICK = '''"""Number {number}."""
import torch


def prune(model):
    print("pruning at {rate:.4f}")
    magnitudes = torch.cat([p.detach().abs().flatten() for p in model.parameters()])
    threshold = magnitudes.kthvalue(round({rate} * magnitudes.numel())).values
    with torch.no_grad():
        for p in model.parameters():
            p[p.abs() <= threshold] = 0
    return model
'''
FAILS = "def prune(model):\n    raise ValueError('number {number}')\n"
EVERY_SECONDS = 1.0
FLOOR_EVERY = 5  # samples between two looks at the machine's own speed


@dataclass(frozen=True, slots=True)
class Sample:
    """The grader at one moment."""

    seconds: float  # since its start
    done: int  # submissions
    memory_bytes: int  # of the keeper, resident
    cpu_seconds: float  # of keeper and nursery, and of all that has ended below them
    floor: float | None  # CPU seconds of the fixed piece of work


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--submissions", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--keep", type=Path, help="where everything is written, and left (default: a temporary folder)")
    options = parser.parse_args()
    torch.set_num_threads(1)
    with place_for(options.keep) as folder:
        rules = hand_in(folder, options.submissions)
        samples = grade(folder, rules, options.workers)
        marked, rewritten = remark(folder, rules)
        print(table(("a batch of", f"{options.submissions:,}"), rows(samples, options.submissions, marked, rewritten, folder)))
    print(f"\n{options.workers} workers; {environment()}")


@contextmanager
def place_for(keep: Path | None) -> Iterator[Path]:
    if keep:
        keep.mkdir(parents=True)
        yield keep
    else:
        with tempfile.TemporaryDirectory(prefix="scale-") as name:
            yield Path(name)


def hand_in(folder: Path, count: int) -> Path:
    (folder / "in").mkdir()
    for number in range(count):
        source = FAILS if number % 50 == 49 else QUICK
        rate = 0.9 + 0.095 * (number * 0.618034 % 1)
        (folder / "in" / f"student{number:05d}.py").write_text(source.format(number=number, rate=rate), encoding="utf-8")
    own = yaml.safe_load((ROOT / "rubric.yaml").read_text(encoding="utf-8")) | {"instances": {"hidden": 0}}
    (folder / "rubric.yaml").write_text(yaml.safe_dump(own), encoding="utf-8")
    own["points"]["upper"] = 0.8
    (folder / "other.yaml").write_text(yaml.safe_dump(own), encoding="utf-8")
    return folder / "rubric.yaml"


def grader(folder: Path, *arguments: object) -> subprocess.Popen[bytes]:
    env = os.environ | {"PRUNEGRADE_HOME": str(folder / "home")}
    command = [sys.executable, str(ROOT / "grade.py"), *map(str, arguments)]
    return subprocess.Popen(command, env=env, stdout=subprocess.PIPE)


def grade(folder: Path, rules: Path, workers: int) -> list[Sample]:
    started, samples = time.perf_counter(), list[Sample]()
    batch = grader(folder, "batch", folder / "in", "-o", folder / "out", "--rubric", rules, "--workers", workers, "-q")
    while batch.poll() is None:
        floor = floor_seconds() if len(samples) % FLOOR_EVERY == 0 else None
        samples.append(
            Sample(time.perf_counter() - started, done(folder / "out"), resident(batch.pid), cpu_seconds(batch.pid), floor)
        )
        time.sleep(EVERY_SECONDS)
    if batch.returncode:
        raise SystemExit(f"the grader ended with {batch.returncode}")
    return samples


def done(out: Path) -> int:
    try:
        with closing(sqlite3.connect(f"file:{out}/ledger.sqlite?mode=ro", uri=True)) as ledger:
            (count,) = ledger.execute("SELECT count(*) FROM submissions WHERE student <> ''").fetchone()
            return int(count)
    except sqlite3.OperationalError:
        return 0  # not there yet


def resident(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith("VmRSS:")), 0)


def cpu_seconds(keeper: int) -> float:
    """Of the grader's processes; what runs just now counts once it has ended."""
    ticks = 0
    for pid in (keeper, *children_of(keeper)):
        try:
            ticks += sum(map(int, Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:15]))
        except OSError:
            continue  # it has ended, and counts for its parent
    return ticks / os.sysconf("SC_CLK_TCK")


def children_of(pid: int) -> list[int]:
    found: list[int] = []
    for children in Path(f"/proc/{pid}/task").glob("*/children"):  # each thread's own
        with suppress(OSError):
            found += map(int, children.read_text().split())
    return found


def floor_seconds() -> float:
    """CPU time of a fixed piece of work, which is what evaluating mostly is."""
    left, right = torch.ones(1024, 128, dtype=torch.float64), torch.ones(128, 512, dtype=torch.float64)
    started = time.thread_time()
    for _ in range(20):
        torch.sigmoid(left @ right)
    return time.thread_time() - started


def remark(folder: Path, rules: Path) -> tuple[float, float]:
    """Seconds until it has said who moved, and until all reports are written."""
    started = time.perf_counter()
    process = grader(folder, "remark", folder / "out", "--rubric", rules.with_name("other.yaml"), "-q")
    assert process.stdout
    told = 0.0
    for line in process.stdout:
        if line.rstrip().endswith(b"submissions moved"):
            told = time.perf_counter() - started
    if process.wait():
        raise SystemExit("remark failed")
    return told, time.perf_counter() - started


def rows(samples: Sequence[Sample], count: int, marked: float, rewritten: float, folder: Path) -> list[tuple[str, str]]:
    graded_at = next(one.seconds for one in samples if one.done >= count)
    early = next(one for one in samples if one.done >= min(500, count // 20))
    later = [one.memory_bytes for one in samples if one.done >= early.done and one.memory_bytes]
    grading = [one.memory_bytes for one in samples if early.done <= one.done < count]
    first, last = window(samples, count // 20, count * 3 // 20), window(samples, count - count // 10, count)
    floors = [one.floor for one in samples if one.floor]
    found = [
        ("graded in", f"{graded_at / 60:.1f} min, {count / graded_at:.1f} a second"),
        ("with all reports", f"{samples[-1].seconds / 60:.1f} min"),
        ("keeper's memory at the 500th", f"{early.memory_bytes / 2**20:,.0f} MiB"),
        ("highest until the last is graded", f"{max(grading) / 2**20:,.0f} MiB ({max(grading) / early.memory_bytes - 1:+.1%})"),
        ("highest until all reports are written", f"{max(later) / 2**20:,.0f} MiB ({max(later) / early.memory_bytes - 1:+.1%})"),
        ("each, the 500th to the 1,500th", f"{first}"),
        ("each, the last 1,000", f"{last} ({last.units / first.units - 1:+.1%} in units)"),
        ("a unit (fixed piece of work)", f"{1000 * statistics.median(floors):.0f} ms"),
        ("marked again, and said who moved, in", f"{marked:.1f} s"),
        ("all reports written again in", f"{rewritten / 60:.1f} min"),
        ("ledger", f"{(folder / 'out/ledger.sqlite').stat().st_size / 2**20:,.0f} MiB"),
        ("class page", f"{(folder / 'out/index.html').stat().st_size / 2**20:.1f} MiB"),
    ]
    return found + [(name, f"{value / 1000:.1f} s") for name, value in in_browser(folder / "out/index.html")]


@dataclass(frozen=True, slots=True)
class Each:
    """What one submission takes, in the mean of many."""

    wall: float  # seconds
    cpu: float  # seconds
    units: float  # CPU time over that of the fixed piece of work meanwhile

    def __str__(self) -> str:
        return f"{1000 * self.wall:.0f} ms, {1000 * self.cpu:.0f} ms of CPU time, {self.units:.2f} units"


def window(samples: Sequence[Sample], low: int, high: int) -> Each:
    """From the ``low``-th to the ``high``-th."""
    inside = [one for one in samples if low <= one.done <= high]
    first, last = inside[0], next(one for one in inside if one.done == inside[-1].done)
    count = last.done - first.done
    cpu = (last.cpu_seconds - first.cpu_seconds) / count
    floors = [one.floor for one in samples if one.floor and first.seconds - 30 <= one.seconds <= last.seconds + 30]
    return Each((last.seconds - first.seconds) / count, cpu, cpu / statistics.median(floors))


def in_browser(page: Path) -> list[tuple[str, float]]:
    from reports import in_chromium

    ready, drawn = in_chromium(page)
    return [
        ("class page, until the table can be sorted and searched", statistics.median(ready)),
        ("class page, until all charts are drawn", statistics.median(drawn)),
    ]


if __name__ == "__main__":
    main()
