#!/usr/bin/env python3
"""The ladder's table and its picture for the README: ``python benchmarks/ladder.py``.

Runs ``grade.py calibrate`` on the public instance and five fresh ones, drawn from a secret that is made for it, so it takes some
ten minutes; prints the table, draws ladder.svg beside this file, and writes reference/ladder.json: the rungs that students see
on their pages.
"""

from __future__ import annotations

import argparse
import datetime
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
import yaml

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT)]

from figures import environment, table  # noqa: E402

from grader.report.schema import Calibration, MethodReport  # noqa: E402
from grader.rubric import Rubric, load  # noqa: E402

matplotlib.use("svg")
from matplotlib import pyplot as plt  # noqa: E402
from matplotlib.transforms import Bbox  # noqa: E402

PICTURE = Path(__file__).with_name("ladder.svg")
RUNGS = ROOT / "reference" / "ladder.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fresh", type=int, default=5, help="fresh instances beside the public one")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ladder-") as folder:
        found, rules = calibrated(Path(folder), options.fresh, options.workers)
    rows = [
        (
            f"`{one.name}`",
            figure(one.sparsity, ".4f"),
            figure(one.mse, ".4g"),
            figure(one.score, ".4f"),
            f"**{figure(one.points, '.3f')}**",
            f"{figure(one.lowest, '.3f')} to {figure(one.highest, '.3f')}",
            figure(one.cpu_seconds, ".0f"),
        )
        for one in found.methods
    ]
    print(table(("method", "sparsity", "error", "score", "points", "range", "CPU s"), rows))
    print(f"\nMeans over {found.instances} instances; {environment()}.")
    for better, worse in found.indistinct:
        print(f"not told apart: {better} and {worse}")
    draw(found, rules)
    rungs = [{"name": one.name, "sparsity": one.sparsity, "mse": one.mse} for one in found.methods if one.verdict == "graded"]
    written = {"date": datetime.date.today().isoformat(), "instances": found.instances, "methods": rungs}
    RUNGS.write_text(json.dumps(written, indent=2) + "\n", encoding="utf-8")
    print(f"written: {PICTURE.relative_to(ROOT)}, {RUNGS.relative_to(ROOT)}", file=sys.stderr)


def calibrated(folder: Path, fresh: int, workers: int) -> tuple[Calibration, Rubric]:
    rubric = yaml.safe_load((ROOT / "rubric.yaml").read_text(encoding="utf-8"))
    rubric["instances"] = {"hidden": fresh}
    path = folder / "rubric.yaml"
    path.write_text(yaml.safe_dump(rubric), encoding="utf-8")
    words = ("calibrate", "--rubric", path, "--against", path, "-o", folder / "out", "--workers", str(workers), "--json")
    done = subprocess.run([sys.executable, ROOT / "grade.py", *words], stdout=subprocess.PIPE, text=True, check=True)
    return Calibration.model_validate_json(done.stdout), load(path)


def figure(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def draw(found: Calibration, rules: Rubric) -> None:
    """Methods on the plane of what is left against the error, both logarithmic, with lines of equal points."""
    graded = [one for one in found.methods if one.sparsity and one.mse]
    plt.rcParams |= {"font.size": 9, "svg.fonttype": "none", "svg.hashsalt": "ladder"}
    figure_, axes = plt.subplots(figsize=(8.5, 5.2), layout="constrained")
    left, error = np.meshgrid(np.geomspace(0.004, 1, 300), np.geomspace(1, 2000, 300))
    points = np.vectorize(lambda s, e: rules.points_of(rules.score_of(e, s)))(1 - left, error)
    levels = [share * rules.points.max for share in (0.2, 0.4, 0.6, 0.8, 0.999)]
    axes.contour(left, error, points, levels=levels, colors="0.7", linewidths=0.8)
    axes.set(xscale="log", yscale="log", xlabel="sparsity", ylabel="error (MSE)", xlim=(1, 0.004))
    shown = (0.0, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995)
    axes.set_xticks([1 - share for share in shown], [f"{share:g}" for share in shown])
    axes.minorticks_off()
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for level in levels:
        at = float(error[:, 0][np.abs(points[:, 0] - level).argmin()])
        axes.annotate(
            f"{level:.2g} points", (0.004, at), xytext=(-2, 3), textcoords="offset points", fontsize=7, color="0.4", ha="right"
        )
    for one in graded:
        axes.plot(*place_of(one), "o", color="#0072b2", markersize=5)
    figure_.canvas.draw()
    dots = [axes.transData.transform(place_of(one)) for one in graded]
    taken = [mark.get_window_extent() for mark in axes.texts] + [Bbox([dot - 4, dot + 4]) for dot in dots]
    for one in graded:
        taken.append(labelled(axes, one, taken))
    figure_.savefig(PICTURE, metadata={"Date": None})


def place_of(one: MethodReport) -> tuple[float, float]:
    return 1 - (one.sparsity or 0), one.mse or 0


def labelled(axes: plt.Axes, one: MethodReport, taken: Sequence[Bbox]) -> Bbox:
    """Put a method's name where it covers nothing else; returns the place that is taken now."""
    at = place_of(one)
    for align, offset in (("left", (6, -3)), ("right", (-6, -3)), ("center", (0, 6)), ("center", (0, -12)), ("left", (6, -11))):
        text = axes.annotate(one.name, at, xytext=offset, textcoords="offset points", fontsize=7, ha=align)
        place = text.get_window_extent()
        if not any(place.overlaps(other) for other in taken):
            break
        text.remove()
    else:
        axes.add_artist(text)
    return place


if __name__ == "__main__":
    main()
