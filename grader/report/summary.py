"""A self-check in plain text, for a terminal or a CI log: no line of it is obeyed by either.

Every line that may hold a student's words begins with words of ours or with a bar.
"""

from __future__ import annotations

from collections.abc import Iterator

from grader.lateness import UNKNOWN
from grader.records import Isolation
from grader.report.advice import explain, points_text
from grader.report.checked import Checked
from grader.report.schema import InstanceReport, MarkReport
from grader.report.text import inert, one_line, quoted
from grader.rubric import Rubric

LOG, TRACEBACK, MESSAGE, NOTE = 8_000, 8_000, 4_000, 500  # longest texts, in characters


def summary(checked: Checked) -> str:
    """Verdict, points, what limits them, the rung above, what it took, and what the official run will check."""
    report, instance = checked.report, checked.instance
    lines = [checked.headline, *(_scored(checked) if report.verdict == "graded" else _failed(checked))]
    lines += map(_mark, report.marks)
    lines += [f"handed in: {_line(report.lateness or UNKNOWN, MESSAGE)}"] if checked.rubric.late else []
    lines += [f"less {points_text(report.late_penalty)} points for lateness"] * bool(report.late_penalty)
    lines += [f"below --min-points: {checked.shortfall}"] * bool(checked.shortfall)
    lines += [f"note: {_line(note, NOTE)}" for note in (*report.notes, *instance.notes)]
    if report.log:
        lines += ["what it printed:", quoted(_end(report.log))]
        lines += ["(the log was longer: part of it was cut)"] * report.log_truncated
    lines += [f"took {spent}" for spent in _spent(instance, checked.rubric)]
    lines += official_run(checked.rubric)
    lines += _practice(checked.isolation)
    return "\n".join(lines) + "\n"


def _scored(checked: Checked) -> Iterator[str]:
    report = checked.report
    figures = ("sparsity", report.sparsity, ".4f"), ("error", report.mse, ".4g"), ("score", report.score, ".4f")
    yield ", ".join(f"{name} {'not finite' if value is None else format(value, form)}" for name, value, form in figures)
    yield checked.reason
    if checked.standing:
        yield checked.standing


def _failed(checked: Checked) -> Iterator[str]:
    yield f"because: {_line(checked.report.message, MESSAGE)}"
    yield f"what to try: {explain(checked.report.verdict, checked.rubric).advice}"
    if checked.instance.traceback:
        yield quoted(checked.instance.traceback[-TRACEBACK:])


def official_run(rubric: Rubric) -> list[str]:
    """What the official run will check, in sentences: all of it follows from the rubric, so nothing in it is hidden."""
    limits, allow, hidden = rubric.limits, rubric.allow, rubric.instances.hidden
    few = {0: "", 1: " and on another model with data of its own"}
    others = few.get(hidden, f" and on {hidden} more models with data of their own")
    mean = f"; points are the mean over all {hidden + 1}, and one that fails counts 0" if hidden else ""
    clock = {
        "cpu": f"{limits.cpu_seconds:g} s of CPU time ({limits.wall_seconds:g} s on the clock)",
        "wall": f"{limits.wall_seconds:g} s on the clock",
        "both": f"{limits.cpu_seconds:g} s of CPU time and {limits.wall_seconds:g} s on the clock",
    }[limits.clock]
    threads = "one thread" if limits.threads == 1 else f"{limits.threads} threads"
    gets = [clock, f"{_size(limits.memory_bytes)} of memory", threads, f"{_size(limits.file_bytes)} in files"]
    denied = ["no network", *["no programs"] * (not allow.exec), *["no GPU"] * (not allow.gpu)]
    return [
        f"the official run: the same file on hidden test data of this model{others}{mean}",
        f"each run has {', '.join(gets)}, and {', '.join(denied)}; it may import {', '.join(allow.packages)}",
        "what counts: the 142,346 finite numbers of the returned model, and how many of them are exactly 0",
        *_late(rubric),
    ]


def _late(rubric: Rubric) -> Iterator[str]:
    late = rubric.late
    if late is None:
        return
    costs = (
        f"{late.percent_per_day:g} % for each day that has begun"
        if late.percent_per_day is not None
        else ", ".join(
            f"{tier.percent:g} % up to {tier.within_hours:g} h" for tier in sorted(late.tiers, key=lambda tier: tier.within_hours)
        )
    )
    grace = f", with {late.grace_minutes:g} minutes of grace" if late.grace_minutes else ""
    whose = "what was earned" if late.of == "earned" else "all points"
    yield f"due {_line(late.due, 60)} ({late.timezone}){grace}; later: {costs} of {whose}, at most {late.cap_percent:g} %"


def _spent(instance: InstanceReport, rubric: Rubric) -> Iterator[str]:
    """Of each limit; nothing where nothing was run."""
    limits = rubric.limits
    if instance.cpu_seconds is None or instance.seconds is None or not instance.peak_memory_bytes:
        return
    cpu = f"{instance.cpu_seconds:.1f} of {limits.cpu_seconds:g} s of CPU time, " if limits.clock != "wall" else ""
    clock = f"{instance.seconds:.1f} of {limits.wall_seconds:g} s on the clock"
    yield f"{cpu}{clock}, {_size(instance.peak_memory_bytes)} of {_size(limits.memory_bytes)} of memory"


def _practice(isolation: Isolation) -> Iterator[str]:
    if not isolation.layers:
        yield "isolation none: nothing kept this code from your files; the result is practice, the official run is confined"
    elif isolation.missing and not isolation.practice:  # which is a note already
        lacking = "; ".join(f"{layer}: {_line(why, 200)}" for layer, why in isolation.missing.items())
        yield f"isolation {isolation.level} ({lacking})"


def _end(log: str) -> str:
    return log if len(log) <= LOG else f"[… {len(log) - LOG:,} characters before this …]\n{log[-LOG:]}"


def _line(text: str, limit: int) -> str:
    return inert(one_line(text, limit))


def _mark(mark: MarkReport) -> str:
    most = points_text(mark.max_points)
    if mark.pending or mark.points is None:
        given = f"up to {most} points, still to be given"
    else:
        given = f"{points_text(mark.points)} of {most} points"
    return f"criterion {_line(mark.criterion, NOTE)}: {given}, {_line(mark.reason, NOTE)}"


def _size(count: int) -> str:
    return f"{count / (1 << 30):.3g} GiB" if count >= 1 << 30 else f"{count / (1 << 20):.0f} MiB"
