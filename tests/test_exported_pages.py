"""Pages that leave the batch's folder, in a real browser: feedback in a zip, and the comparison of submissions."""

from __future__ import annotations

import dataclasses
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("playwright.sync_api", reason="Playwright is not installed (pip install -e '.[browser]')")

from browser import CHROMIUM, NO_CHROMIUM, chromium, drawn, graded, grades_of, open_details, opened
from classes import write_class
from playwright.sync_api import Browser, expect
from test_browser import ATTACK, violations
from test_similarity import BRIDGE, GRASP, SNIP, entry, found, renamed

from grader.export import feedback
from grader.report.student_page import Gallery
from grader.rubric import Rubric
from grader.similarity.page import similarity_page

pytestmark = [pytest.mark.long, pytest.mark.skipif(CHROMIUM is None, reason=NO_CHROMIUM)]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as one:
        yield one


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    comment = "".join(f"# {line}\n" for line in ATTACK.splitlines()) + "# x\n" * 30
    class_ = [entry("ada", comment + BRIDGE), entry("bob", renamed(BRIDGE) + comment + "\ny = [len(x)]\n" + SNIP)]
    class_ += [entry(ATTACK[:60], SNIP + comment + GRASP), entry("z" * 300, GRASP + "\n" + "q" * 5_000 + " = 1\n")]
    (folder / "similarity.html").write_text(similarity_page(found(*class_, least=0.05), [], 0.05), "utf-8")
    return folder


def test_feedback_draws_its_charts_far_from_its_assets(browser: Browser, tmp_path: Path) -> None:
    one = graded("ada", 0.985, 60.0)
    upload = dataclasses.replace(one.upload, source="in/lovelaceada_7_9_prune.py")
    grades = grades_of([dataclasses.replace(one, upload=upload)], Rubric())
    write_class(tmp_path / "out", grades, Rubric(), Gallery({"ada": drawn(1)}, drawn(2)))
    with (tmp_path / "f.zip").open("wb") as file:
        feedback.write(file, tmp_path / "out", feedback.for_canvas(grades.submissions))
    with zipfile.ZipFile(tmp_path / "f.zip") as archive:
        archive.extractall(tmp_path / "elsewhere")
    with opened(browser, tmp_path / "elsewhere", "lovelaceada_7_9_report.html") as page:
        assert page.locator("figure.chart[data-drawn] svg").count() > 1
        expect(page.locator("h1")).to_be_visible()


def test_a_number_leads_to_the_passage_on_the_other_side(browser: Browser, site: Path) -> None:
    with opened(browser, site, "similarity.html") as page:
        page.locator("#p1a1 a").click()
        expect(page.locator("#p1b1")).to_be_in_viewport()
        assert page.evaluate("document.querySelectorAll('script').length") == 0


def test_axe_finds_nothing_on_the_page_of_pairs(browser: Browser, site: Path) -> None:
    with opened(browser, site, "similarity.html", bypass_csp=True, color_scheme="light") as page:
        open_details(page)
        light = violations(page)
        page.emulate_media(color_scheme="dark")
        assert (light, violations(page)) == ([], [])


@pytest.mark.parametrize("width", [360, 1280])
def test_the_page_of_pairs_has_no_sideways_scroll(width: int, browser: Browser, site: Path) -> None:
    with opened(browser, site, "similarity.html", viewport={"width": width, "height": 740}) as page:
        assert page.evaluate("document.scrollingElement.scrollWidth") <= width
        sides = page.locator(".sides").first.locator(".side")
        boxes = [sides.nth(place).bounding_box() for place in range(2)]
        assert boxes[0] and boxes[1] and (boxes[0]["y"] == boxes[1]["y"]) == (width > 800)
