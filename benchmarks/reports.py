#!/usr/bin/env python3
"""What the report's pages cost: ``python benchmarks/reports.py [--students N]``.

Rendering is CPU time of this process, from reports to the page's text. "Interactive" is the time on the page's own clock, from
the start of the navigation in a fresh headless Chromium context until the first frame is painted after table.js has set
data-table="ready" on <html>: from then on the table sorts, filters and searches. "Drawn" is the same for the last figure.
It needs Playwright (``pip install -e '.[browser]'``); where Chromium is missing, its rows are left out.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import browser as synthetic  # noqa: E402
from classes import around_of, class_page, write_class  # noqa: E402
from figures import environment, table  # noqa: E402

from grader.report.student import student_view  # noqa: E402
from grader.report.student_page import Gallery, student_page  # noqa: E402
from grader.rubric import Rubric  # noqa: E402

PAGES, VISITS = 50, 5
CLOCK = """
const told = (name) => requestAnimationFrame(() => setTimeout(() => document.documentElement.dataset[name] = performance.now()));
let ready = false, drawn = false;
new MutationObserver(() => {
  if (!ready && document.documentElement?.dataset.table === "ready") { ready = true; told("interactive"); }
  const figures = document.querySelectorAll("figure.chart").length;
  if (ready && !drawn && document.querySelectorAll("figure.chart[data-drawn]").length === figures) { drawn = true; told("all"); }
}).observe(document, { subtree: true, attributes: true, attributeFilter: ["data-table", "data-drawn"] });
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--students", type=int, default=1_000, help="in the class (default: 1,000)")
    students: int = parser.parse_args().students
    rubric, ladder = Rubric(), synthetic.ladder()
    grades = synthetic.grades_of(synthetic.large_class(students), rubric)
    beside = around_of(grades, rubric, synthetic.drawn(1), ladder)
    picture = synthetic.drawn(2)
    reports = [one for one in grades.submissions if one.verdict == "graded"][:PAGES]

    def one_student(place: int) -> str:
        view = student_view(reports[place % len(reports)], rubric)
        return student_page(view, grades, rubric, picture=picture, beside=beside)

    def whole_class(_: int) -> str:
        return class_page(grades, rubric, ladder=ladder)

    rows = [
        ("one student page, CPU", f"{cpu_milliseconds(one_student, PAGES):.1f} ms", "8 ms"),
        (f"class page of {students:,}, CPU", f"{cpu_milliseconds(whole_class, VISITS):,.0f} ms", "1,000 ms"),
        ("one student page, largest", kilobytes(max(map(one_student, range(PAGES)), key=len)), "200 KB"),
        (f"class page of {students:,}", kilobytes(whole_class(0)), ""),
    ]
    with tempfile.TemporaryDirectory(prefix="reports-") as name:
        write_class(Path(name), grades, rubric, Gallery(), ladder)
        interactive, drawn = in_chromium(Path(name) / "index.html") if synthetic.CHROMIUM else ([], [])
    if interactive:
        rows.append((f"class page of {students:,}, interactive", f"{statistics.median(interactive):,.0f} ms", "1,500 ms"))
        rows.append((f"class page of {students:,}, all figures drawn", f"{statistics.median(drawn):,.0f} ms", ""))
    print(table(("reports", "measured", "goal: below"), rows))
    print(
        f"\nMedians of {PAGES} student pages, {VISITS} class pages, {VISITS} visits; sizes without shared assets\n{environment()}"
    )
    if not interactive:
        print(synthetic.NO_CHROMIUM)


def cpu_milliseconds(render: Callable[[int], str], times: int) -> float:
    """The median, after one that fills caches."""
    taken = []
    for place in range(times + 1):
        gc.collect()
        started = time.process_time()
        render(place)
        taken.append((time.process_time() - started) * 1000)
    return statistics.median(taken[1:])


def kilobytes(page: str) -> str:
    return f"{len(page.encode()) / 1000:,.0f} KB"


def in_chromium(page: Path) -> tuple[list[float], list[float]]:
    """Milliseconds of each visit until the table is ready, and until the last figure is drawn."""
    ready, drawn = [], []
    with synthetic.chromium() as chromium:
        for _ in range(VISITS + 1):
            context = chromium.new_context(viewport={"width": 1280, "height": 900})
            visit = context.new_page()
            visit.add_init_script(CLOCK)
            visit.goto(page.as_uri())
            visit.locator("html[data-all]").wait_for(state="attached")
            root = visit.locator("html")
            ready.append(float(root.get_attribute("data-interactive") or "nan"))
            drawn.append(float(root.get_attribute("data-all") or "nan"))
            context.close()
    return ready[1:], drawn[1:]


if __name__ == "__main__":
    main()
