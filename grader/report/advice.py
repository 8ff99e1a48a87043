"""Verdicts in plain words, and the one sentence that says what limits the points: for pages and for the terminal."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace

from grader.records import Verdict
from grader.report import inverse
from grader.report.schema import Report
from grader.rubric import Rubric

_LIMIT = re.compile(r"(limits\.\w+) in rubric\.yaml")
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
        "Nothing in your code has to change. A batch is graded again by your instructor; a check of your own you run again, and "
        "if it ends like this once more, you show its message to your instructor.",
    ),
}


def what_limits(report: Report, rubric: Rubric) -> str:
    """One or two sentences: what the missing points are missing for, and what would gain most.

    Made from nothing but the report's own figures: from a student's view, which has coarse ones, it tells no more than they do.
    """
    if any(one.points is not None and one.criterion is None for one in report.decisions):
        return "A person has set these points; the reason stands on this page."
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
    missing = f"{_missing(short)} of {points_text(report.max_points)} points are missing"
    if not report.marks and not report.late_penalty:
        return f"{missing}, {_next_points(report, rubric)}"
    others = sum(mark.max_points - (mark.points or 0.0) for mark in report.marks) + report.late_penalty
    scored = short - others
    if scored < SHOWN_POINTS:
        scores = "Sparsity and error have earned all of theirs."
    else:
        scores = f"For the score {_missing(scored)} of {points_text(rubric.points.max)} are missing, "
        scores += _next_points(report, rubric)
    late = f"Lateness costs {_missing(report.late_penalty)}." if report.late_penalty else ""
    return " ".join(filter(None, (f"{missing}.", scores, _next_marks(report), late)))


def for_instructor(message: str) -> str:
    """What a failure of the reference says: not what a student may try, but which limit may be too low here."""
    if key := _LIMIT.search(message):
        problem = message.partition(f" ({key[0]}")[0].partition("; ")[0]
        return f"{problem}; raise {key[1]} in rubric.yaml, and see 'grade.py doctor'"
    return f"{message}; see 'grade.py doctor'"


def points_text(value: float) -> str:
    """Points with up to three decimals: 1.5, 1.333, 0."""
    return f"{value:.3f}".rstrip("0").rstrip(".")


def _next_points(report: Report, rubric: Rubric) -> str:
    """What the score's missing points are missing for, and what would give them: the end of a sentence."""
    if report.sparsity is None or report.mse is None:
        return "because the returned model's error is not a finite number."
    error, sparsity = report.mse, math.floor(round(report.sparsity * 1e4, 6)) / 1e4  # as they are written
    losses = _loss(1 - error / rubric.score.mse_cap, rubric.score.mse_exponent), _loss(sparsity, rubric.score.sparsity_exponent)
    target = -math.log(rubric.points.upper)
    if sum(losses) <= target:
        return "on single instances: the mean sparsity and error as shown here would give full points."
    less, more = _less_error(sparsity, rubric), _more_zeros(error, rubric)
    if less and losses[0] >= losses[1]:
        way = f"at this sparsity ({_share(sparsity)}), error {less} would give full points."
    elif more:  # then more is lost to sparsity: were it error, no sparsity would be enough either
        alone = "" if less else f"no error would be enough at this sparsity ({_share(sparsity)}), but "
        way = f"{alone}at this error ({_error(error)}), sparsity {more} would give full points."
    else:
        way = _both(error, sparsity, rubric)
    return f"{_blame(*losses)}; {way}"


def _loss(share: float, exponent: float) -> float:
    """What a factor of the score costs, so that both add up: -log(share^exponent)."""
    return -exponent * math.log(share) if share > 0 else math.inf


def _blame(error: float, sparsity: float) -> str:
    """Which of the two losses the points are missing for, in words."""
    if math.isinf(error) and math.isinf(sparsity):
        return "to error and sparsity alike"
    larger, share = ("error", error) if error >= sparsity else ("sparsity", sparsity)
    part = 1.0 if math.isinf(share) else share / (error + sparsity)
    for least, words in ((0.995, "all"), (0.85, "nearly all"), (0.6, "most of them")):
        if part >= least:
            return f"{words} to {larger}"
    return "to error and sparsity alike"


def _less_error(sparsity: float, rubric: Rubric) -> str:
    """The error that gives full points at this sparsity; nothing where no error would be enough."""
    error = inverse.error_for(rubric.points.max, sparsity, rubric)
    if not error:
        return ""
    near = float(f"{error:.1e}")
    if rubric.points_of(rubric.score_of(near, sparsity)) <= rubric.points.max - SHOWN_POINTS:
        step = 10.0 ** (math.floor(math.log10(error)) - 1)
        near = float(f"{math.floor(error / step) * step:.1e}")  # two digits, never above
    return _error(near)


def _more_zeros(error: float, rubric: Rubric) -> str:
    """The sparsity that gives full points at this error; nothing where none would be enough."""
    sparsity = inverse.sparsity_for(rubric.points.max, error, rubric)
    return "" if sparsity is None else _share(math.ceil(round(sparsity * 1e4, 6)) / 1e4)


def _both(error: float, sparsity: float, rubric: Rubric) -> str:
    """Where neither is enough alone: what full points need, and which of the two gains more until then."""
    now = rubric.points_of(rubric.score_of(error, sparsity))
    sparser = rubric.points_of(rubric.score_of(error, 1.0)) - now
    closer = rubric.points_of(rubric.score_of(0.0, sparsity)) - now
    least = inverse.sparsity_for(rubric.points.max, 0.0, rubric) or 1.0
    most = inverse.error_for(rubric.points.max, 1.0, rubric) or 0.0
    both = f"full points need a sparsity above {_share(math.floor(least * 1e4) / 1e4)} and an error below {most:.3g}."
    if max(sparser, closer) < SHOWN_POINTS:
        return f"neither more zeros nor a lower error is enough alone, and {both}"
    gains = f"up to {points_text(max(sparser, closer))} at this", f"against {points_text(min(sparser, closer))} for"
    if sparser >= closer:
        which = f"More zeros would gain most: {gains[0]} error ({_error(error)}), {gains[1]} a lower error alone."
    else:
        which = f"A lower error would gain most: {gains[0]} sparsity ({_share(sparsity)}), {gains[1]} more zeros alone."
    return f"{both} {which}"


def _missing(points: float) -> str:
    """Missing points as a person would say them: 0.17, and with a third decimal only where two say little."""
    return points_text(round(points, 2) if points >= 0.05 else points)


def _share(sparsity: float) -> str:
    """0.990, 0.9664: never more than four decimals, never fewer than three."""
    return f"{sparsity:.4f}".removesuffix("0")


def _error(mse: float) -> str:
    return f"{mse:.3g}" if mse < 1e3 else f"{mse:,.0f}" if mse < 1e9 else f"{mse:.1e}"


def _next_marks(report: Report) -> str:
    """Criteria that were not met, and those that wait for a person."""
    unmet = sum(mark.max_points - (mark.points or 0.0) for mark in report.marks if not mark.pending)
    pending = sum(mark.max_points for mark in report.marks if mark.pending)
    sentences = [f"Criteria that were not met cost {points_text(unmet)}."] * (unmet >= SHOWN_POINTS)
    return " ".join(sentences + [f"A person has still to give up to {points_text(pending)}."] * (pending >= SHOWN_POINTS))


def _bytes(count: int) -> str:
    return f"{count / (1 << 30):.3g} GiB" if count >= 1 << 30 else f"{count / (1 << 20):.3g} MiB"
