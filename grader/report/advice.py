"""Verdicts in plain words, and the one sentence that says what limits the points: for pages and for the terminal."""

from __future__ import annotations

from dataclasses import dataclass, replace

from grader.records import Verdict
from grader.report.schema import Report
from grader.rubric import Rubric

SHOWN_POINTS = 0.0005  # half of the last decimal that pages show: less than this is nothing


@dataclass(frozen=True, slots=True)
class Words:
    """A verdict for somebody who has never seen this grader."""

    title: str
    meaning: str
    advice: str


def explain(verdict: Verdict, rubric: Rubric) -> Words:
    """What the verdict means and what to try, with this rubric's limits."""
    words = WORDS[verdict]
    limits = rubric.limits
    cpu, wall = f"{limits.cpu_seconds:g} s of CPU time", f"{limits.wall_seconds:g} s on the clock"
    time = {"cpu": cpu, "wall": wall, "both": f"{cpu} and {wall}"}[limits.clock]
    return replace(words, meaning=words.meaning.format(time=time, memory=_bytes(limits.memory_bytes)))


WORDS: dict[Verdict, Words] = {
    "graded": Words(
        "Graded",
        "Your prune(model) returned a model, and it was scored.",
        "Compare sparsity and error below to see where the next points are.",
    ),
    "unreadable": Words(
        "Could not be read",
        "The upload, or the Python source in it, could not be read, so nothing was run.",
        "Open your file in Python first: “python -m py_compile prune.py” shows a syntax error. Hand in a .py file in UTF-8, "
        "a notebook, or a .zip of them, under the limits that the message names.",
    ),
    "no_entry": Words(
        "No prune(model) found",
        "There is no function that the grader can call as prune(model).",
        "Define “def prune(model):” at the top level of prune.py and return the pruned model. Further parameters need "
        "default values.",
    ),
    "raised": Words(
        "Stopped by an exception",
        "Your code raised an exception that it did not catch.",
        "Look up the line below in your file. If something was denied, the message says what to use instead: submissions have "
        "no network, and get their data with “from assignment import *”.",
    ),
    "exited": Words(
        "Ended without returning a model",
        "The Python process ended before prune(model) returned.",
        "Remove calls such as sys.exit(), exit() or quit(), and return the model instead.",
    ),
    "crashed": Words(
        "Crashed",
        "The Python process was killed by a signal, such as a segmentation fault in native code.",
        "Run prune(model) on your own machine. Look for very deep recursion, raw memory access (ctypes), or calls that end "
        "processes.",
    ),
    "timed_out": Words(
        "Out of time",
        "The run reached the time limit: {time} for importing your file, prune(model) and collecting its result.",
        "Train for fewer steps or on fewer batches, keep training out of the module's top level, and look for endless loops.",
    ),
    "out_of_memory": Words(
        "Out of memory",
        "The run reached the memory limit of {memory}.",
        "Use smaller batches, don't keep every intermediate result, and work in torch.no_grad() where no gradient is needed.",
    ),
    "rejected": Words(
        "Returned model not accepted",
        "prune(model) returned something that is not the model's 142,346 finite numbers.",
        "Return the model that was passed in, with the same layers and shapes, real floating-point weights, and no NaN or "
        "infinity. To prune a weight, set it to 0; don't remove or quantise it.",
    ),
    "missing": Words(
        "Nothing handed in",
        "You are on the roster, but no submission of yours was found.",
        "If you did hand something in, tell your instructor where and when.",
    ),
    "not_graded": Words(
        "Not graded yet",
        "The grader itself failed. That is not your fault, and it costs you no points.",
        "There is nothing to do: your instructor sees this too, and the submission will be graded again.",
    ),
}


def what_limits(report: Report, rubric: Rubric) -> str:
    """One or two sentences: what the missing points are missing for."""
    if report.points is None:
        return "No points are given or taken yet: the grader failed, not the submission."
    failed = sum(one.verdict != "graded" for one in report.instances)
    count = len(report.instances)
    if failed == count:
        return "There was nothing to score, so every instance counts 0."
    if failed:
        return (
            f"{failed} of {count} instances failed and {'counts' if failed == 1 else 'count'} 0: "
            f"that costs up to {failed * rubric.points.max / count:.3g} points."
        )
    short = report.max_points - report.points
    if short < SHOWN_POINTS:
        return "Nothing is missing: these are full points."
    missing = f"{points_text(short)} of {points_text(report.max_points)} points are missing."
    return " ".join(filter(None, (missing, _next_points(report, rubric), _next_marks(report))))


def points_text(value: float) -> str:
    """Points with up to three decimals: 1.5, 1.333, 0."""
    return f"{value:.3f}".rstrip("0").rstrip(".")


def _next_points(report: Report, rubric: Rubric) -> str:
    """Which of the two would gain most on its own, if it were perfect: every parameter zero, or no error."""
    if report.sparsity is None or report.mse is None:
        return ""
    now = rubric.points_of(rubric.score_of(report.mse, report.sparsity))
    sparser = rubric.points_of(rubric.score_of(report.mse, 1.0)) - now
    closer = rubric.points_of(rubric.score_of(0.0, report.sparsity)) - now
    if max(sparser, closer) < SHOWN_POINTS:
        if now >= rubric.points.max - SHOWN_POINTS:
            return "Sparsity and error have earned all of theirs."
        return "Neither more zeros nor a lower error would be enough alone: it takes both."
    if sparser >= closer:
        return (
            f"More zeros would gain most: up to {points_text(sparser)} at this error, "
            f"against {points_text(closer)} for a lower error at this sparsity."
        )
    return (
        f"A lower error would gain most: up to {points_text(closer)} at this sparsity, "
        f"against {points_text(sparser)} for more zeros at this error."
    )


def _next_marks(report: Report) -> str:
    """Criteria that were not met, and those that wait for a person."""
    unmet = sum(mark.max_points - (mark.points or 0.0) for mark in report.marks if not mark.pending)
    pending = sum(mark.max_points for mark in report.marks if mark.pending)
    sentences = [f"Criteria that were not met cost {points_text(unmet)}."] * (unmet >= SHOWN_POINTS)
    return " ".join(sentences + [f"A person has still to give up to {points_text(pending)}."] * (pending >= SHOWN_POINTS))


def _bytes(count: int) -> str:
    return f"{count / (1 << 30):.3g} GiB" if count >= 1 << 30 else f"{count / (1 << 20):.3g} MiB"
