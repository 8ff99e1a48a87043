"""Synthetic classes with all their pages, and Chromium to look at them: for the tests in a browser and for a benchmark."""

from __future__ import annotations

import hashlib
import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from classes import whole
from playwright.sync_api import Browser, ConsoleMessage, Dialog, Page, Request, sync_playwright

from grader import picture as pictures
from grader.formulas import PARAMETER_COUNT, PARAMETER_SHAPES
from grader.records import Failure, Graded, Isolation, LayerCount, Measurement, Outcome, Picture, Upload, Verdict
from grader.report import build
from grader.report.rungs import Ladder, load_ladder
from grader.report.schema import Grades, Report
from grader.rubric import Rubric

CHROMIUM = shutil.which("chromium")
NO_CHROMIUM = "chromium is not installed (Debian: apt-get install chromium)"
FLAGS = "--no-sandbox --disable-gpu --disable-background-networking --disable-component-update --disable-sync --no-first-run"
DRAWN_WITHIN = 60_000  # milliseconds, on a busy machine
ACTED_WITHIN = 20_000

ROOT = Path(__file__).resolve().parent.parent
ISOLATION = Isolation("L2", ("landlock", "seccomp"), {"network namespace": "not available"})
ENVIRONMENT = {"python": "3.11.7", "torch": "2.13.0", "device": "cpu"}
LOG = "\n".join(f"epoch {step}: loss {1000 / step:.4f}" for step in range(1, 200))
TRACE = """prune.py, line 20, in prune
    mask(model)
helper.py, line 6, in mask
    for layer in model.features:
AttributeError: 'MLP' object has no attribute 'features'"""


def measured(sparsity: float, mse: float, weights: str = "ab" * 32) -> Measurement:
    layers = {name: LayerCount(int(sparsity * np.prod(shape)), int(np.prod(shape))) for name, shape in PARAMETER_SHAPES.items()}
    per_output = tuple(mse * (0.6 + 0.08 * output) for output in range(10))
    return Measurement(round(PARAMETER_COUNT * sparsity), PARAMETER_COUNT, layers, mse, per_output, weights)


def outcome(instance: str, sparsity: float, mse: float, **more: Any) -> Outcome:
    spent = {"seconds": 3.25, "cpu_seconds": 2.5, "peak_memory_bytes": 400 << 20, "graded_at": "2026-05-01T12:00:00Z", "log": LOG}
    return Outcome(instance, measured(sparsity, mse, more.pop("weights", "ab" * 32)), None, **{**spent, **more})


def failure(verdict: Verdict, message: str, traceback: str = "", log: str = LOG) -> Outcome:
    why = Failure(verdict, "prune", message, "AttributeError" if traceback else None, 20 if traceback else None, traceback)
    return Outcome("public", None, why, seconds=1.0, cpu_seconds=0.9, peak_memory_bytes=300 << 20, log=log)


def submitted(student: str, outcomes: tuple[Outcome, ...], sha256: str = "", **more: Any) -> Graded:
    upload = Upload(student, f"{student}.py", f"uploads/{student}.py", Path("upload"))
    return Graded(upload, sha256 or hashlib.sha256(student.encode()).hexdigest(), outcomes, isolation="L2", **more)


def graded(student: str, sparsity: float, mse: float, **more: Any) -> Graded:
    """On the public and two hidden instances, with weights of its own."""
    own = random.Random(student).randbytes(32).hex()
    places = (("public", mse), ("hidden-1", mse * 1.02), ("hidden-2", mse * 0.97))
    return submitted(student, tuple(outcome(name, sparsity, one, weights=own) for name, one in places), **more)


def drawn(seed: int = 0, keep: float = 0.05) -> Picture:
    """Of random weights, of which ``keep`` are not zero."""
    chance = np.random.default_rng(seed)
    weights = {name: chance.normal(size=shape).astype(np.float32) for name, shape in PARAMETER_SHAPES.items()}
    return pictures.derive({name: np.where(chance.random(one.shape) < keep, one, np.float32(0)) for name, one in weights.items()})


def grades_of(submissions: list[Graded], rubric: Rubric) -> Grades:
    reference = graded("reference", 0.97, 60.0)
    reports: Iterator[Report] = (build.report(one, rubric, reference.outcomes) for one in submissions)
    about = build.about(rubric, "ef" * 32, ISOLATION, ENVIRONMENT, build.report(reference, rubric, None))
    return whole(about, reports)


def ladder() -> Ladder | None:
    """The published one."""
    return load_ladder(ROOT / "reference", Rubric())


def large_class(students: int) -> list[Graded]:
    """Six of seven have points, from poor to full ones; the others failed, with a traceback and a log."""
    chance = random.Random(5)
    found = []
    for place in range(students):
        student = f"student{place:05}"
        if place % 7 == 3:
            verdict: Verdict = chance.choice(("raised", "timed_out", "crashed", "no_entry", "rejected"))
            why = failure(verdict, "AttributeError: 'MLP' object has no attribute 'features'", TRACE, LOG[:2_000])
            found.append(submitted(student, (why,), name=f"Student {place}", email=f"{student}@example.org"))
        else:
            error = 10 ** chance.uniform(1, 2.8)
            found.append(graded(student, 1 - 10 ** chance.uniform(-2.3, -0.1), error, name=f"Student {place}"))
    return found


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's, headless."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS.split())
        try:
            yield browser
        finally:
            browser.close()


class Watch:
    """What a page must not do, while it is open: say anything on the console, throw, open a dialog, or ask outside ``folder``."""

    def __init__(self, page: Page, folder: Path) -> None:
        self.wrong: list[str] = []
        self._inside = (f"{folder.as_uri()}/", "data:")
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.wrong.append(f"error: {error}"))
        page.on("dialog", self._dialog)
        page.on("request", self._request)

    def _console(self, message: ConsoleMessage) -> None:
        self.wrong.append(f"console {message.type}: {message.text}")

    def _dialog(self, dialog: Dialog) -> None:
        self.wrong.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _request(self, request: Request) -> None:
        if not request.url.startswith(self._inside):
            self.wrong.append(f"request: {request.url}")


@contextmanager
def opened(browser: Browser, folder: Path, name: str, **options: Any) -> Iterator[Page]:
    """The page of this name, once all its figures are drawn. Raises AssertionError for anything that :class:`Watch` saw."""
    context = browser.new_context(**options)
    try:
        page = context.new_page()
        page.set_default_timeout(ACTED_WITHIN)
        watch = Watch(page, folder)
        page.goto((folder / name).as_uri(), timeout=DRAWN_WITHIN)
        figures = page.locator("figure.chart").count()
        if figures:
            page.locator("figure.chart[data-drawn] svg").nth(figures - 1).wait_for(timeout=DRAWN_WITHIN)
        yield page
        assert watch.wrong == [], f"{name}: {watch.wrong}"
        assert len(context.pages) == 1, "it opened a window"
    finally:
        context.close()


def open_details(page: Page) -> None:
    """Unfold everything."""
    page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
