#!/usr/bin/env python3
"""The corpus of hostile and broken submissions as figures: ``python benchmarks/corpus.py``.

One pass grades every case of tests/cases/ in shuffled batches, each with two honest bystanders, on a secret made for it.
Run it as root and as an ordinary user: each has other layers. Exits with 1 where anything came out wrong.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import corpus  # noqa: E402
from figures import environment, table  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", default="", help="cases whose name holds this")
    options = parser.parse_args()
    passes = {}
    for name, without in (("with namespaces", ()), ("without namespaces", ("namespaces",))):
        print(f"{name}:", file=sys.stderr)
        with tempfile.TemporaryDirectory(prefix="corpus-") as folder:
            passes[name] = corpus.run_all(
                Path(folder), without=without, workers=options.workers, only=options.only, progress=report_progress
            )
    head = (
        "one pass",
        "cases",
        "not stopped at this level",
        "wrong verdicts",
        "breaches",
        "leaks",
        "leftovers",
        "bystanders changed",
        "minutes",
    )
    rows = [
        (
            name,
            found.cases,
            len(found.unstopped),
            len(found.wrong),
            len(found.breaches),
            len(found.leaks),
            len(found.leftovers),
            f"{len(found.bystanders_changed)} of {found.bystanders}",
            f"{found.seconds / 60:.1f}",
        )
        for name, found in passes.items()
    ]
    print(table(head, rows))
    print(f"\n{environment()}; {sum(case.bites for case in corpus.CASES)} attacks are also run without what stops them (tests)")
    trouble = [line for found in passes.values() for line in troubles(found)]
    print(*trouble, sep="\n", end="\n" if trouble else "", file=sys.stderr)
    sys.exit(bool(trouble))


def troubles(found: corpus.Pass) -> list[str]:
    wrong = [f"{case}: {'; '.join(what)}" for case, what in found.wrong.items()]
    others = [*found.leaks, *found.leftovers, *(f"changed: {name}" for name in found.bystanders_changed)]
    return [f"seed {found.seed}: {line}" for line in (*wrong, *others)]


def report_progress(line: str) -> None:
    print(f"  {line}", file=sys.stderr)


if __name__ == "__main__":
    main()
