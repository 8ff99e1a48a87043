#!/usr/bin/env python3
"""Nothing is lost and nothing counts twice: ``python benchmarks/kills.py [--kills N]``.

Batches are started, one of their processes is killed at a random moment by SIGKILL (the keeper, the nursery, a warden or the
child that runs a submission), and after every five of them the batch is run to its end: its table must be that of a batch
which nothing befell. Exit status 1 where it is not.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from conftest import Started, grades_in, measurements, rubric_file, run_program  # noqa: E402
from figures import environment, table  # noqa: E402
from test_pipeline import LEAVES, RAISES, WORK  # noqa: E402

PER_TABLE = 5


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=time.time_ns())
    options = parser.parse_args()
    chance, killed, different = random.Random(options.seed), Counter[str](), 0
    with tempfile.TemporaryDirectory(prefix="kills-") as name:
        place = Path(name)
        arguments = _prepare(place)
        undisturbed = measurements(grades_in(place / "undisturbed"))
        while killed.total() < options.kills:
            out = _fresh(place)
            for _ in range(PER_TABLE):
                killed[_killed(place, out, arguments, chance)] += 1
            done = run_program(*arguments, "-o", out, home=place / "home")
            different += done.returncode != 0 or measurements(grades_in(out)) != undisturbed
    rows = [(victim, count) for victim, count in killed.most_common()]
    print(table(("killed", "times"), [*rows, ("tables that differ", f"**{different}** of {killed.total() // PER_TABLE}")]))
    print(f"\nSeed {options.seed}; {environment()}")
    return min(1, different)


def _prepare(place: Path) -> tuple[object, ...]:
    """Six submissions, and OUT of a batch of them that nothing befell."""
    (place / "in").mkdir()
    for number in range(4):
        (place / "in" / f"work{number}.py").write_text(WORK.format(number=number))
    (place / "in/raises.py").write_text(RAISES)
    (place / "in/leaves.py").write_text(LEAVES)
    rubric = rubric_file(place, instances={"hidden": 1})
    arguments = ("batch", place / "in", "--rubric", rubric, "--workers", 2)
    done = run_program(*arguments, "-o", place / "undisturbed", home=place / "home")
    if done.returncode:
        raise SystemExit(done.stderr)
    return arguments


def _fresh(place: Path) -> Path:
    """An OUT in which the reference alone has been graded, to spare its time."""
    out = Path(tempfile.mkdtemp(dir=place))
    shutil.copy(place / "undisturbed/ledger.sqlite", out)
    with sqlite3.connect(out / "ledger.sqlite") as ledger:
        ledger.execute("DELETE FROM runs WHERE student <> 'reference'")
    ledger.close()
    return out


def _killed(place: Path, out: Path, arguments: tuple[object, ...], chance: random.Random) -> str:
    """What was killed."""
    with Started(Path(tempfile.mkdtemp(dir=place)), *arguments, "-o", out, home=place / "home") as batch:
        time.sleep(chance.uniform(1.0, 9.0))
        nurseries = batch.nurseries()
        others = [pid for pid in batch.processes() if pid not in (batch.process.pid, *nurseries)]
        kinds = {"keeper": [batch.process.pid], "nursery": nurseries, "warden or child": others}
        kind = chance.choice([kind for kind, pids in kinds.items() if pids])
        with suppress(ProcessLookupError):
            os.kill(chance.choice(kinds[kind]), signal.SIGKILL)
        batch.finish()
        if left := batch.survivors():
            raise SystemExit(f"{len(left)} processes outlived a batch whose {kind} was killed")
    return kind


if __name__ == "__main__":
    sys.exit(main())
