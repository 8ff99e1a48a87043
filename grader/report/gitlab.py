"""A self-check's figures for GitLab's widget, which compares them with the target branch's: OpenMetrics text.

The other half of what GitLab shows is :mod:`grader.report.junit`.
"""

from __future__ import annotations

from grader.report.checked import Checked

HELP = {
    "prune_graded": "1 where the submission was graded",
    "prune_points": "points of the rubric",
    "prune_max_points": "full points",
    "prune_score": "score before points are cut off at both ends",
    "prune_sparsity": "share of parameters that are exactly zero",
    "prune_error": "mean squared error",
    "prune_cpu_seconds": "CPU time of the run",
    "prune_memory_bytes": "peak memory of the run",
}


def metrics(checked: Checked) -> str:
    """One gauge a line, without labels, so that a metric keeps its name; values that there are none of have no line."""
    report, instance = checked.report, checked.instance
    values: list[float | None] = [
        float(report.verdict == "graded"),
        report.points,
        report.max_points,
        report.score,
        report.sparsity,
        report.mse,
        instance.cpu_seconds,
        instance.peak_memory_bytes or None,
    ]
    lines = []
    for (name, meaning), value in zip(HELP.items(), values, strict=True):
        if value is not None:
            lines += [f"# TYPE {name} gauge", f"# HELP {name} {meaning}", f"{name} {value!r}"]
    return "\n".join([*lines, "# EOF"]) + "\n"
